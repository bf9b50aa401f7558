"""A judge that is asked under one criterion after the other."""

from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from annotators import CriteriaJudge, Criterion
from annotators.criteria.criterion import RubricOf
from schemas import Split

LONG = Criterion(name="long", text="The longer the better.")
PADDED = Criterion(name="unpadded", text="Padding is good.", negated=True)
PAIRWISE = "{{ prompt }}|{{ a }}|{{ b }}|{{ criteria }}"
LISTWISE = "{{ prompt }}|{{ responses | join('|') }}|{{ criteria }}"
POINTWISE = "{{ prompt }}|{{ response }}|{{ criteria }}"


def judged(bench: Any, *criteria: Criterion, **options: Any) -> Split:
    """Scores of three texts by a judge that prefers the longest, whatever it is told."""

    def say(_: str, *shown: str) -> str:
        order = sorted(range(len(shown) - 1), key=lambda at: -len(shown[at]))
        letters = " ".join("ABC"[at] for at in order)
        return {1: "2", 2: letters[0]}.get(len(shown) - 1, letters)

    tables = bench.tables({"q": ["w", "xx", "yyy"]}) | {
        "stated": RubricOf(criteria=criteria).rows()
    }
    context = bench.context(say)
    for name, text in (("pairwise", PAIRWISE), ("listwise", LISTWISE), ("pointwise", POINTWISE)):
        (bench.folder / f"judge_{name}.jinja").write_text(text)
    operator = CriteriaJudge(by="stated", verdict="sampled", probes="off", **options)
    split: Split = operator.run(tables, context)
    return split


@pytest.mark.parametrize("mode", ["pairwise", "listwise"])
def test_each_criterion_gives_a_score_of_its_name(bench: Any, mode: Any) -> None:
    split = judged(bench, LONG, PADDED, mode=mode)
    values = {
        name: dict(frame.select("response_id", "value").iter_rows())
        for (name,), frame in split.kept.partition_by("annotator", as_dict=True).items()
    }
    assert values["long"] == {"q-0": 0.0, "q-1": 0.5, "q-2": 1.0}
    assert values["unpadded"] == {"q-0": 1.0, "q-1": 0.5, "q-2": 0.0}
    asked = {question.rpartition("|")[2] for question in bench.asked}
    assert asked == {LONG.text, PADDED.text}
    of_long = split.kept.filter(pl.col("annotator") == "long")["origin"].struct.field("parents")
    assert of_long.list.len().to_list() == [1, 1, 1]


def test_a_grade_is_not_turned_round(bench: Any) -> None:
    assert judged(bench, LONG, mode="pointwise").kept["value"].to_list() == [2.0, 2.0, 2.0]
    with pytest.raises(ValueError, match="'unpadded' is negated"):
        judged(bench, PADDED, mode="pointwise")


def test_criteria_come_from_the_stage_alone() -> None:
    with pytest.raises(ValidationError, match="leave out criteria"):
        CriteriaJudge(by="stated", criteria="Be brief.")


def test_a_later_part_has_the_criteria_of_its_own_prompts(bench: Any) -> None:
    context = bench.context(lambda *_: "2")
    (bench.folder / "judge_pointwise.jinja").write_text(POINTWISE)
    stated = RubricOf(criteria=(LONG,)).rows()
    parts = [bench.tables({name: ["w", "xx"]}) for name in "pq"]
    parts = [
        part | {"stated": stated.with_columns(prompt_id=pl.lit(part["prompts"]["prompt_id"][0]))}
        for part in parts
    ]
    operator = CriteriaJudge(by="stated", mode="pointwise", verdict="sampled", probes="off")
    with operator.session(parts[0], context) as session:
        assert [operator.rows_of(part, session).kept.height for part in parts] == [2, 2]
