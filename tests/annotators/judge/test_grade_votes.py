"""Grades of many judgements about a response, as one score."""

from statistics import fmean
from typing import Any

import polars as pl
import pytest

from annotators import GradeVotes, JudgingItems
from schemas import Responses, Scores, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
ANSWERS = {"a": "4", "b": "5"}
SAID: dict[str, list[tuple[str, str, float | None]]] = {
    "a": [("5", "stop", 0.1), ("2", "stop", 0.9), ("no idea", "stop", 0.8), ("4", "stop", None)],
    "b": [("1", "length", 0.5), ("3", "stop", 0.4), ("1", "stop", 0.4), ("5", "stop", 0.2)],
}
"""Of each answer the grades, how the judgement ended, and its meta score."""


def response(name: str, prompt: str, text: str, finish: str = "stop") -> dict[str, Any]:
    about = {"finish": finish, "tokens": 1, "origin": ORIGIN}
    return {"response_id": name, "prompt_id": prompt, "text": text, **about}


@pytest.fixture
def tables(stand: Any) -> dict[str, pl.DataFrame]:
    prompts = stand.prompts("How many?")
    (task,) = prompts["prompt_id"]
    answers = [response(name, task, text) for name, text in ANSWERS.items()]
    answers += [response("again", task, "4"), response("unasked", task, "6")]
    tables = {"prompts": prompts, "answers": rows(Responses, answers)}
    items = JudgingItems(of="answers").run(tables, stand.context()).kept["prompt_id"]
    judgements, metas = [], []
    for item, (answer, votes) in zip(items, SAID.items(), strict=False):
        for number, (grade, finish, meta) in enumerate(votes):
            name = f"{answer}{number}"
            judgements.append(response(name, item, f"Because.\nScore: {grade}", finish))
            metas.append(
                {"response_id": name, "annotator": "meta", "value": meta, "origin": ORIGIN}
            )
    return tables | {
        "judgements": rows(Responses, judgements),
        "metas": rows(Scores, metas),
    }


def slowly(answer: str, votes: int | None, kept: int | None) -> float | None:
    told = SAID[answer][:votes]
    if kept is not None:
        scored = [one for one in told if one[2] is not None]
        told = sorted(scored, key=lambda one: -(one[2] or 0.0))[:kept]
    read = [int(grade) for grade, finish, _ in told if grade.isdigit() and finish == "stop"]
    return fmean(read) if read else None


@pytest.mark.parametrize("votes", [None, 1, 2, 3])
@pytest.mark.parametrize("kept", [None, 1, 2, 3])
def test_equals_the_slow_version(
    tables: dict[str, pl.DataFrame], stand: Any, votes: int | None, kept: int | None
) -> None:
    meta = {} if kept is None else {"meta": "metas", "kept": kept}
    split = GradeVotes(of="answers", judgements="judgements", votes=votes, **meta).run(
        tables, stand.context()
    )
    found = dict(split.kept.select("response_id", "value").iter_rows())
    expected = {answer: slowly(answer, votes, kept) for answer in ANSWERS}
    # An answer that says the same was asked about by the same question.
    assert found == expected | {"again": expected["a"], "unasked": None}
    errors = dict(split.kept.select("response_id", "error").iter_rows())
    none = "no judgement about it" + ("" if kept is None else " has a score of metas")
    assert errors["unasked"] == none
    assert all((found[name] is None) == (errors[name] is not None) for name in found)
    assert split.kept.height + split.dropped.height == 4
    assert stand.asked == []


def test_a_meta_judge_says_how_many_count() -> None:
    with pytest.raises(ValueError, match="meta and kept go together"):
        GradeVotes(of="answers", judgements="judgements", kept=2)
