"""CritiqueUtility: how much more often revisions end right with a critique in view."""

from collections import defaultdict
from typing import Any

import polars as pl
import pytest

from annotators import CritiqueUtility
from engines.context import Context
from schemas import Responses, rows
from tests.annotators.scripted import ORIGIN, Bench

CHECK = "tests.annotators.scripted.is_right"
SHARES = {"helps": 0.9, "misleads": 0.1, "says nothing": 0.5, None: 0.5}

Written = dict[tuple[str, str | None], list[str]]


def stages(
    bench: Bench, critiques: dict[str, tuple[str, ...]], **told: Any
) -> dict[str, pl.DataFrame]:
    """A prompt with the drafts "q-0" and "q-1", and critiques by text, each with its parents."""
    given = bench.tables({"q": ["one", "two"]})
    prompt = given["prompts"]["prompt_id"][0]
    written = [
        {
            "response_id": text,
            "prompt_id": prompt,
            "text": text.partition(":")[0],
            "finish": "stop",
            "tokens": 1,
            "origin": ORIGIN | {"parents": list(parents)},
        }
        | told
        for text, parents in critiques.items()
    ]
    critiqued = rows(Responses, written)
    return {"prompts": given["prompts"], "drafts": given["responses"], "critiques": critiqued}


def reviser(bench: Bench, written: Written) -> Context:
    """A context whose reviser is right as often as `SHARES` says, and notes what it wrote."""
    (bench.folder / "revise.jinja").write_text("{{ prompt }}|{{ response }}|{{ critique }}")
    (bench.folder / "improve.jinja").write_text("{{ prompt }}|{{ response }}")

    def say(_: str, draft: str, critique: str | None = None, *, seed: int) -> str:
        if critique == "is too long":
            return "too long"
        right = (seed % 1000) / 1000 < SHARES[critique]
        text = f"{draft} is {'right' if right else 'wrong'} {seed}"
        written[draft, critique].append(text)
        return text

    return bench.context(say, seeded=True)


def run(bench: Bench, critiques: dict[str, tuple[str, ...]], **told: Any) -> tuple[Any, Written]:
    written: Written = defaultdict(list)
    operator = CritiqueUtility(
        of="critiques", drafts="drafts", model="judge", k=12, check=CHECK, temperature=1.0
    )
    return operator.run(stages(bench, critiques, **told), reviser(bench, written)), written


def test_the_utility_is_the_gain_over_revisions_without_the_critique(bench: Bench) -> None:
    critiques = {
        "helps": ("q-0",),
        "misleads": ("q-0",),
        "says nothing": ("q-1", "of another stage"),
    }
    split, written = run(bench, critiques)
    assert split.dropped.is_empty()
    found = {row["response_id"]: row for row in split.kept.to_dicts()}
    drafts = {"q-0": "one", "q-1": "two"}
    for text, parents in critiques.items():
        draft = drafts[parents[0]]
        with_it, without = written[draft, text], written[draft, None]
        assert len(with_it) == len(without) == 12
        right = [sum("right" in each for each in side) for side in (with_it, without)]
        assert found[text]["value"] == pytest.approx(right[0] / 12 - right[1] / 12)
        assert found[text]["raw"] == f"{right[0]}/12 with it, {right[1]}/12 without"
    assert found["misleads"]["value"] < found["helps"]["value"]


def test_a_critique_is_worth_the_same_whatever_others_there_are(bench: Bench) -> None:
    alone, _ = run(bench, {"helps": ("q-0",)})
    beside, _ = run(bench, {"misleads": ("q-0",), "helps": ("q-0",), "says nothing": ("q-1",)})
    known = dict(beside.kept.select("response_id", "value").iter_rows())
    assert alone.kept["value"].to_list() == [known["helps"]]


def test_what_cannot_be_valued_is_an_error_with_its_reason(bench: Bench) -> None:
    critiques = {"helps": (), "misleads": ("q-0", "q-1"), "is too long": ("q-0",)}
    split, _ = run(bench, critiques)
    assert split.kept["value"].to_list() == [None] * 3
    assert split.kept["error"].to_list() == [
        "0 of its parents are drafts of stage 'drafts', not one",
        "2 of its parents are drafts of stage 'drafts', not one",
        "not answered: the prompt has 900 tokens, the model takes 512",
    ]
    cut, written = run(bench, {"helps": ("q-0",)}, finish="length", tokens=7)
    assert cut.kept["error"].to_list() == ["cut off at 7 tokens"]
    assert not written
