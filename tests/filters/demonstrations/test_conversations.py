"""Conversations: chats from chains of parents, and which of their turns are learned."""

from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from filters import Conversations
from schemas import Prompts, Responses, Scores, rows
from tests.filters.conftest import ORIGIN

LOOK, MEND = "What is wrong with it?", "Then mend it."


def response(name: str, *parents: str, finish: str = "stop") -> dict[str, Any]:
    origin = {**ORIGIN, "parents": list(parents)}
    prompt = name.split("-")[1]
    fields = {"response_id": name, "prompt_id": prompt, "text": f"text of {name}"}
    return {**fields, "finish": finish, "tokens": 1, "origin": origin}


def chains(**changed: dict[str, Any]) -> dict[str, pl.DataFrame]:
    """Of prompts p and q a draft, its critique and the revision after both."""
    named = {"draft": "drafts", "critique": "critiques", "revision": "revisions"}
    found: dict[str, list[dict[str, Any]]] = {stage: [] for stage in named.values()}
    for prompt in "pq":
        made = [
            response(f"draft-{prompt}"),
            response(f"critique-{prompt}", f"draft-{prompt}"),
            response(f"revision-{prompt}", f"critique-{prompt}"),
        ]
        for each in made:
            kind = each["response_id"].split("-")[0]
            found[named[kind]].append({**each, **changed.get(kind, {})} if prompt == "q" else each)
    asked = [
        {
            "prompt_id": prompt,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": prompt},
            ],
            "source": "test",
            "source_revision": "1",
            "licence": "MIT",
        }
        for prompt in "pq"
    ]
    tables = {stage: rows(Responses, made) for stage, made in found.items()}
    return {"prompts": rows(Prompts, asked), **tables}


def conversations(**fields: Any) -> Conversations:
    given = {"of": "revisions", "after": ("drafts", "critiques"), "asked": (LOOK, MEND)}
    return Conversations(**(given | fields))


def test_a_chat_has_the_prompt_each_answer_and_what_was_asked_next() -> None:
    split = conversations().run(chains())
    assert split.dropped.is_empty()
    messages = [(turn["role"], turn["content"]) for turn in split.kept["messages"][0]]
    assert messages == [
        ("system", "Be brief."),
        ("user", "p"),
        ("assistant", "text of draft-p"),
        ("user", LOOK),
        ("assistant", "text of critique-p"),
        ("user", MEND),
        ("assistant", "text of revision-p"),
    ]
    assert split.kept["response_id"].to_list() == ["revision-p", "revision-q"]
    assert split.kept["loss_spans"].to_list() == [None, None]


def test_the_learned_turns_are_those_of_the_named_stages() -> None:
    kept = conversations(learn=("critiques", "revisions")).run(chains()).kept
    for spans, messages in zip(kept["loss_spans"], kept["messages"], strict=True):
        learned = [messages[number]["content"][start:end] for number, start, end in spans]
        assert [text.split("-")[0] for text in learned] == ["text of critique", "text of revision"]
        assert learned == [messages[4]["content"], messages[6]["content"]]


def test_a_chain_that_is_not_one_is_dropped_with_its_reason() -> None:
    def reason(**changed: dict[str, Any]) -> str:
        (row,) = conversations().run(chains(**changed)).dropped.iter_rows(named=True)
        assert row["row_id"] == "revision-q"
        return str(row["reason"])

    alone, both = {**ORIGIN, "parents": []}, {**ORIGIN, "parents": ["critique-p", "critique-q"]}
    assert reason(critique={"origin": alone}) == "no response of 'drafts' led to it"
    assert reason(revision={"origin": both}) == "several responses of 'drafts' led to it"
    assert reason(draft={"finish": "length"}) == "the answer of 'drafts' was cut off"
    assert reason(revision={"finish": "length"}) == "the answer was cut off at 1 tokens"


def test_chains_of_low_score_are_dropped() -> None:
    tables = chains()
    scores = [
        {"response_id": f"revision-{prompt}", "annotator": "a", "value": value, "origin": ORIGIN}
        for prompt, value in (("p", 0.0), ("q", 1.0))
    ]
    split = conversations(by="scores", at_least=1.0).run({**tables, "scores": rows(Scores, scores)})
    assert split.kept["response_id"].to_list() == ["revision-q"]
    assert split.dropped["reason"].to_list() == ["score below at_least"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"asked": (LOOK,)}, "1 texts for 2 stages"),
        ({"learn": ("other",)}, "'other' is neither in after nor of"),
        ({"at_least": 1.0}, "belong together"),
    ],
)
def test_fields_that_do_not_fit_are_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        conversations(**fields)


def test_another_question_makes_another_chat() -> None:
    one, other = (
        conversations(asked=(text, MEND)).run(chains()).kept["demonstration_id"]
        for text in (LOOK, "Why?")
    )
    assert set(one).isdisjoint(other)
