"""Rewrite: what a model writes about a response, or another version of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from engines.context import Context
from generators import InjectError, Refine, Rewrite
from schemas import MESSAGES, Checkpoints, content_id, rows
from tests.generators.revision.test_refine import marks, ticked

Speaking = Callable[..., Context]


TEMPLATES = {
    "note": "Why is {{ response }} wrong?",
    "about": "{{ responses[0] }} is {{ response }}",
    "all": "{{ response }}|{{ notes | join(',') }}|{{ both | join(',') }}"
    "|{% for mark in marks %}{{ mark.name }} {{ mark.value }} {{ mark.said }}{% endfor %}",
}


@pytest.fixture
def writing(speaking: Speaking, tmp_path: Path) -> Speaking:
    """A context whose recipe has the templates."""
    for name, template in TEMPLATES.items():
        (tmp_path / f"{name}.jinja").write_text(template)
    return lambda says: replace(speaking(says), folder=tmp_path)


def test_a_text_about_a_response_is_its_child(answered: Any, writing: Speaking, stand: Any) -> None:
    tables = answered({"How many?": ["9"]})
    split = Rewrite(template="note", n=2).run(tables, writing(lambda text: " It adds.\n"))
    assert split.dropped.is_empty()
    assert split.kept["text"].to_list() == ["It adds.", "It adds."]
    origin = split.kept["origin"][0]
    assert (origin["operator"], origin["parents"]) == ("generators.Rewrite", ["How many?-0"])
    assert json.loads(origin["parameters"])["template"] == "note"
    assert [asked for asked, *_ in stand.asked] == ["user: Why is 9 wrong?"] * 2
    assert len({seed for *_, seed in stand.asked}) == 2


def test_with_a_checkpoint_its_weights_write(answered: Any, writing: Speaking, stand: Any) -> None:
    trained = {"start": "policy", "trained": True, "rows": 1, "steps": 1, "seconds": 1.0}
    ahead = rows(Checkpoints, [{"path": "trained", "metrics": "{}", **trained}])
    tables = answered({"How many?": ["9"]}) | {"ahead": ahead}
    kept = Rewrite(template="note", checkpoint="ahead").run(tables, writing(str.upper)).kept
    assert set(kept["origin"].struct.field("model")) == {"answering-trained"}


def test_a_template_shows_what_other_stages_say(
    answered: Any, writing: Speaking, stand: Any
) -> None:
    tables = answered({"p": ["9", "10"]})
    first = Rewrite(template="note").run(tables, writing(lambda text: "low"))
    more = Rewrite(template="note", n=2).run(tables, writing(lambda text: "few"))
    tables |= {
        "notes": first.kept,
        "more": more.kept,
        "marks": marks(p_0=(ticked(right=0.25, short=1), None), p_1=("", None)),
        "pairs": _pairs("p-0", "nine"),
    }
    shown = {"notes": "notes", "more": "both", "pairs": "both", "marks": "marks"}
    split = Rewrite(template="all", shown=shown).run(tables, writing(lambda text: "seen"))
    # The first of "more" is the same question with the same seed as that of "notes".
    assert (
        stand.asked[-1][0]
        == "user: 9|low|low,few,nine|checklist 0.5 Is it right? 0.2\nIs it short? 1.0"
    )
    (refused,) = split.dropped.rows(named=True)
    assert (refused["row_id"], refused["reason"]) == ("p-1", "stage 'pairs' has nothing about it")


def test_a_text_about_a_text_is_shown_with_what_that_was_about(
    answered: Any, writing: Speaking, stand: Any
) -> None:
    tables = answered({"p": ["9"]})
    notes = Rewrite(template="note").run(tables, writing(lambda text: "low"))
    tables |= {"notes": notes.kept}
    about = Rewrite(of="notes", template="about", shown=["responses"])
    about.run(tables, writing(lambda text: "so"))
    assert stand.asked[-1][0] == "user: 9 is low"


def test_an_edit_is_another_version(answered: Any, writing: Speaking) -> None:
    tables = answered({"p": ["one two", "same"]})
    said = iter(["Here is the revised answer:\nthree", "same", " "])
    split = Rewrite(template="note", edit=True).run(tables, writing(lambda text: next(said)))
    assert split.kept["text"].to_list() == ["three"]
    assert split.dropped["reason"].to_list() == ["the edit changed nothing"]
    nothing = Rewrite(template="note").run(answered({"p": ["x"]}), writing(lambda text: " "))
    assert nothing.dropped["reason"].to_list()[0] == "the text is empty"


def test_a_text_may_follow_the_response(answered: Any, writing: Speaking) -> None:
    split = Rewrite(template="note", append=True).run(
        answered({"p": ["9\n"]}), writing(lambda text: "He paid too much.\n")
    )
    assert split.kept["text"].to_list() == ["9\n\nHe paid too much."]


def test_a_score_that_is_an_error_shows_nothing(answered: Any, writing: Speaking) -> None:
    tables = answered({"p": ["9"]}) | {"marks": marks(p_0=("what", "unread"))}
    split = Rewrite(template="about", shown=["marks"]).run(tables, writing(lambda text: "so"))
    assert split.dropped["reason"].to_list()[0] == "a score is an error"


@pytest.mark.parametrize(
    "wrong",
    [
        {"shown": {"notes": "prompt"}},
        {"shown": ["a-b"]},
        {"n": 2, "temperature": 0},
        {"edit": True, "append": True},
    ],
)
def test_what_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rewrite(template="note", **wrong)


def test_refine_revises_by_each_critique(answered: Any, writing: Speaking, stand: Any) -> None:
    tables = answered({"p": ["9", "10"]})
    asked = iter(["too low", "too short"])
    notes = Rewrite(template="note", n=2).run(
        answered({"p": ["9"]}), writing(lambda text: next(asked))
    )
    tables |= {"notes": notes.kept}
    said = iter(["11", "12", "13", "9"])
    split = Refine(critiques="notes", n=2).run(tables, writing(lambda text: next(said)))
    assert split.kept["text"].to_list() == ["11", "12", "13"]
    parents = [origin["parents"] for origin in split.kept["origin"]]
    low, short = notes.kept["response_id"]
    assert parents == [["p-0", low], ["p-0", low], ["p-0", short]]
    assert ["too low" in text for text, *_ in stand.asked[-4:]] == [True, True, False, False]
    assert split.dropped.select("row_id", "reason").rows() == [("p-1", "no critique")]


CASES = [
    (Refine(by="marks"), "6edbb188e68cf53b4369f2e6920772ff", "8d99d4266b7c3e2634c9b5787787a679"),
    (Refine(rounds=2), "7341f598795f698f5b91e0107610bb76", "cb462e25f8da1435d4bb74065ab273b9"),
    (InjectError(), "50f2cb05c85fda3e6539cab9ac0be4af", "b83a403446180d3cab89bc03ce6f49a9"),
]


@pytest.mark.parametrize(("operator", "questions", "ids"), CASES)
def test_refine_and_inject_error_ask_and_name_what_they_always_did(
    answered: Any, stand: Any, operator: Rewrite, questions: str, ids: str
) -> None:
    """Answers in the journal are found by the question and the seed, and what reads the drafts by
    their ids."""
    mark = ticked(short=0.9, right=0.2, whole=0.5)
    tables = answered({"How many?": ["9", "it is 10"], "And now?": ["one\n\ntwo"]})
    tables |= {"marks": marks(**{"How many?_0": (mark, None)})}
    kept = operator.run(tables, stand.context()).kept
    asked = [repr(question[1:]) for question in sorted(stand.asked, key=repr)]
    assert content_id(asked) == questions
    assert content_id(kept["response_id"].to_list()) == ids


def _pairs(chosen_id: str, rejected: str) -> pl.DataFrame:
    said = [{"role": "assistant", "content": rejected}]
    return pl.DataFrame({"chosen_id": [chosen_id], "rejected": [said]}).cast({"rejected": MESSAGES})
