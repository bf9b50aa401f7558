"""MergeSteps: each two steps as one, labelled by the second."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import MergeSteps
from schemas import StepLabels, rows


def solutions(*labels: list[bool | None], spans: bool = False) -> pl.DataFrame:
    """Solutions r0, r1, … of steps "s0\\n", "s1\\n", … labelled so; values are 1 and 0."""
    records: list[dict[str, Any]] = []
    for number, told in enumerate(labels):
        steps = [f"s{place}\n" for place in range(len(told))]
        cut = [
            {"start": 3 * n, "end": 3 * n + 3, "token_start": 2 * n, "token_end": 2 * n + 2}
            for n in range(len(told))
        ]
        records.append(
            {
                "response_id": f"r{number}",
                "prompt_id": f"p{number // 2}",
                "prompt": [{"role": "user", "content": "q"}],
                "completions": steps,
                "spans": cut if spans else None,
                "labels": told,
                "values": [None if label is None else float(label) for label in told],
                "first_error": told.index(False) if False in told else None,
            }
        )
    return rows(StepLabels, records)


def test_pairs_from_the_first_step_and_from_the_second() -> None:
    made = MergeSteps(of="steps").run({"steps": solutions([True, False, True, False])})
    first, second = made.kept.rows(named=True)[1:]
    assert first["completions"] == ["s0\ns1\n", "s2\ns3\n"]
    assert first["labels"] == [False, False]
    assert first["first_error"] == 0
    assert second["completions"] == ["s0\n", "s1\ns2\n", "s3\n"]
    # The error of the second step was mended by the third.
    assert second["labels"] == [None, True, None]
    assert second["values"] == [None, 1.0, None]
    assert second["first_error"] is None


def test_spans_are_merged_with_their_steps() -> None:
    frame = solutions([True, True, False], spans=True)
    made = MergeSteps(of="steps").run({"steps": frame}).kept.rows(named=True)
    assert [[(one["start"], one["end"]) for one in row["spans"]] for row in made[1:]] == [
        [(0, 6), (6, 9)],
        [(0, 3), (3, 9)],
    ]
    assert [one["token_end"] for one in made[2]["spans"]] == [2, 6]


def test_a_single_step_has_nothing_to_merge_with() -> None:
    made = MergeSteps(of="steps").run({"steps": solutions([True], [None, None])})
    assert made.kept["response_id"].to_list() == ["r0", "r1"]
    assert made.dropped.is_empty()


@given(st.lists(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=5), max_size=4))
def test_every_label_but_the_first_is_that_of_a_pair_once(labels: Any) -> None:
    frame = solutions(*labels)
    made = MergeSteps(of="steps").run({"steps": frame})
    assert made.dropped.is_empty()
    assert made.kept.head(frame.height).equals(frame)
    merged = made.kept.tail(-frame.height) if frame.height else made.kept
    told = sorted(
        json.dumps(label)
        for row in merged["labels"].to_list()
        for label in row
        if label is not None
    )
    assert told == sorted(json.dumps(one) for row in labels for one in row[1:] if one is not None)
    for row in merged.iter_rows(named=True):
        assert "".join(row["completions"]) in {
            "".join(one) for one in frame["completions"].to_list()
        }
    assert made.kept["response_id"].n_unique() == made.kept.height


def test_it_reads_in_a_recipe() -> None:
    assert [read.field for read in MergeSteps(of="steps").inputs()] == ["of"]
    with pytest.raises(ValueError, match="extra"):
        MergeSteps.model_validate({"of": "steps", "by": 3})
