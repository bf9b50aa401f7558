"""PrinciplePairs: labels by principles that are drawn, and stated in the prompt."""

from collections.abc import Mapping
from random import Random
from statistics import pvariance
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from filters import PrinciplePairs
from schemas import Criteria, Scores, Split, rows
from tests.filters.conftest import ORIGIN

NAMES = ("brief", "kind")
VALUES = st.sampled_from([None, 0.0, 0.5, 1.0])


def stated(texts: Mapping[str, str], **columns: Any) -> pl.DataFrame:
    """Criteria of all prompts, by name."""
    return rows(
        Criteria,
        [
            {
                "criterion_id": f"{name} {text}",
                "rubric": "r",
                "version": 1,
                "name": name,
                "text": text,
                "kind": "graded",
                "negated": False,
                "weight": 1.0,
                "origin": ORIGIN,
                **columns,
            }
            for name, text in texts.items()
        ],
    )


def judged(values: Mapping[str, Mapping[str, float | None]]) -> pl.DataFrame:
    """Scores by principle and response."""
    return rows(
        Scores,
        [
            {
                "response_id": response,
                "annotator": name,
                "value": value,
                "error": "unread" if value is None else None,
                "origin": ORIGIN,
            }
            for name, liked in values.items()
            for response, value in liked.items()
        ],
    )


def labelled(tables: dict[str, pl.DataFrame], **options: Any) -> Split:
    given = {"principles": stated({name: f"Be {name}." for name in NAMES}), **tables}
    options = {"template": "{principles}", **options}
    operator = PrinciplePairs(of="responses", by="by", principles="principles", **options)
    return operator.run(given)


def statements(split: Split) -> set[tuple[str, str]]:
    """What was said before the prompt of each pair, and which side was chosen."""
    return {
        (prompt[0]["content"], chosen)
        for prompt, chosen in split.kept.select("prompt", "chosen_id").iter_rows()
    }


def test_a_principle_labels_and_its_contrary_labels_the_other_way(world) -> None:
    tables = world({"p": [("short", []), ("long", [])]})
    tables["by"] = judged({"brief": {"p-0": 1.0, "p-1": 0.0}, "kind": {"p-0": 0.5, "p-1": 0.5}})
    split = labelled(tables, draws=64, most=1, noise=0.0)
    assert statements(split) == {("Be brief.", "p-0"), ("Not: Be brief.", "p-1")}
    assert set(split.kept["annotator"]) == {"brief"}
    assert split.report.findings == {"decided": {"brief": 2}}

    tables["contraries"] = stated({"brief": "Go on and on.", "kind": "Be rude."})
    split = labelled(tables, draws=64, most=1, noise=0.0, contraries="contraries")
    assert statements(split) == {("Be brief.", "p-0"), ("Go on and on.", "p-1")}


def test_of_several_principles_the_largest_difference_over_the_variance_decides(world) -> None:
    tables = world({"p": [("a", []), ("b", [])], "q": [("a", []), ("b", [])]})
    kind = {"p-0": 0.2, "p-1": 0.3, "q-0": 0.2, "q-1": 0.2}
    brief = {"p-0": 1.0, "p-1": 0.0, "q-0": 1.0, "q-1": 0.0}
    tables["by"] = judged({"brief": brief, "kind": kind})
    kept = labelled(tables, draws=64, noise=0.0).kept.filter(prompt_id="p")
    both = [row for row in kept.iter_rows(named=True) if "\n" in row["prompt"][0]["content"]]
    assert {row["annotator"] for row in both} == {"kind"}
    for row in both:
        turned = "Not: Be kind." in row["prompt"][0]["content"]
        assert row["chosen_id"] == ("p-0" if turned else "p-1")
        assert row["margin"] == pytest.approx(0.1 / pvariance(kind.values()))


def test_a_negated_principle_is_stated_as_what_it_is_against(world) -> None:
    tables = world({"p": [("short", []), ("long", [])]})
    tables["by"] = judged({"blame": {"p-0": 1.0, "p-1": 0.0}})
    tables["principles"] = stated({"blame": "It blames."}, negated=True)
    split = labelled(tables, draws=64, noise=0.0)
    assert statements(split) == {("Not: It blames.", "p-0"), ("It blames.", "p-1")}


def test_the_control_has_the_same_labels_and_no_statement(world) -> None:
    tables = world({"p": [("short", []), ("long", [])]})
    tables["by"] = judged({name: {"p-0": 1.0, "p-1": 0.0} for name in NAMES})
    ours, control = labelled(tables), labelled(tables, stated=False)
    columns = ["pair_id", "chosen_id", "rejected_id", "margin"]
    assert ours.kept.select(columns).equals(control.kept.select(columns))
    assert {len(prompt) for prompt in ours.kept["prompt"]} == {2}
    assert {len(prompt) for prompt in control.kept["prompt"]} == {1}


def test_a_share_of_the_labels_is_flipped(world) -> None:
    names = [f"p{number}" for number in range(400)]
    tables = world({name: [("a", []), ("b", [])] for name in names})
    tables["by"] = judged(
        {"brief": {f"{name}-{place}": 1.0 - place for name in names for place in (0, 1)}}
    )
    tables["principles"] = stated({"brief": "Be brief."})
    kept = labelled(tables, draws=1, noise=0.25).kept
    flipped = [
        ("Not" in prompt[0]["content"]) != chosen.endswith("1")
        for prompt, chosen in kept.select("prompt", "chosen_id").iter_rows()
    ]
    assert sum(flipped) / len(flipped) == pytest.approx(0.25, abs=0.07)


def test_what_gives_no_pair_says_why(world) -> None:
    tables = world(
        {
            "alone": [("a", [])],
            "equal": [("a", []), ("b", [])],
            "same": [("a", []), (" a", [])],
            "own": [("a", []), ("b", [])],
        }
    )
    own = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]
    prompts = tables["prompts"].to_dicts()
    prompts[3]["messages"] = own
    tables["prompts"] = pl.DataFrame(prompts, schema=tables["prompts"].schema)
    liked = {"alone-0": 1.0, "equal-0": 1.0, "equal-1": 1.0}
    liked |= {f"{name}-{place}": float(place) for name in ("same", "own") for place in (0, 1)}
    tables["by"] = judged(dict.fromkeys(NAMES, liked))
    split = labelled(tables)
    assert split.kept.is_empty()
    assert dict(split.dropped.select("row_id", "reason").iter_rows()) == {
        "alone": "fewer than two scored responses",
        "equal": "no principle that was drawn tells them apart",
        "same": "same text",
        "own": "its prompt has a system turn of its own",
    }
    assert set(labelled(tables, stated=False).kept["prompt_id"]) == {"own"}


def test_principles_that_cannot_be_told_apart_or_were_not_judged_are_refused(world) -> None:
    tables = world({"p": [("a", []), ("b", [])]})
    tables["by"] = judged({"brief": {"p-0": 1.0, "p-1": 0.0}})
    with pytest.raises(ValueError, match="no score by the principle 'kind'"):
        labelled(tables)
    tables["principles"] = stated({"brief": "Be brief."})
    with pytest.raises(ValueError, match="no contrary of 'brief'"):
        labelled(tables | {"contraries": stated({"kind": "Be rude."})}, contraries="contraries")
    two = [stated({"brief": "Be brief."}), stated({"brief": "Be short."}, version=2)]
    with pytest.raises(ValueError, match="two principles of one name"):
        labelled(tables | {"principles": pl.concat(two)})
    with pytest.raises(ValidationError, match="nothing would be stated"):
        labelled(tables, template="Be good.")


@given(data=st.data())
def test_every_label_is_that_of_the_principle_that_decides(data, world) -> None:
    """Without noise; by a slow second computation of the statement's label."""
    tables = world({name: [(f"{name}{n}", []) for n in range(3)] for name in "pq"})
    ids = tables["responses"]["response_id"].to_list()
    liked = {name: {each: data.draw(VALUES) for each in ids} for name in NAMES}
    tables["by"] = judged(liked)
    split = labelled(tables, draws=5, noise=0.0)
    known = {name: [v for v in of.values() if v is not None] for name, of in liked.items()}
    for row in split.kept.iter_rows(named=True):
        lines = row["prompt"][0]["content"].splitlines()
        apart = {}
        for line in lines:
            name = line.split()[-1].rstrip(".")
            chosen, rejected = (liked[name][row[f"{side}_id"]] for side in ("chosen", "rejected"))
            assert chosen is not None
            assert rejected is not None
            spread = pvariance(known[name])
            gain = (chosen - rejected) / spread if spread else 0.0
            apart[line] = -gain if line.startswith("Not: ") else gain
        assert max(apart.values()) == pytest.approx(max(map(abs, apart.values())))
        assert row["margin"] == pytest.approx(max(apart.values()))
    assert not split.kept["pair_id"].is_duplicated().any()
    assert set(split.kept["prompt_id"]) | set(split.dropped["row_id"]) == {"p", "q"}
    assert not set(split.kept["prompt_id"]) & set(split.dropped["row_id"])
    order = list(range(len(ids)))
    Random(0).shuffle(order)
    mixed = labelled({**tables, "responses": tables["responses"][order]}, draws=5, noise=0.0)
    assert set(mixed.kept["pair_id"]) == set(split.kept["pair_id"])
