"""Transcripts: attempts and what was said to them as one response, through pairs and lessons."""

from typing import Any

import polars as pl

from filters import BestWorst, Imitate, Transcripts
from schemas import Responses, Scores, rows
from tests.filters.conftest import ORIGIN
from tests.filters.demonstrations.test_conversations import LOOK, MEND, chains

SAID = ["text of draft-p", LOOK, "text of critique-p", MEND, "text of revision-p"]
ROLES = ["assistant", "user", "assistant", "user", "assistant"]


def transcripts(tables: dict[str, pl.DataFrame], **fields: Any) -> Any:
    given = {"of": "revisions", "after": ("drafts", "critiques"), "asked": (LOOK, MEND)}
    return Transcripts(**(given | fields)).run(tables)


def test_the_text_has_all_turns_and_says_whose_they_are() -> None:
    split = transcripts(chains())
    assert split.dropped.is_empty()
    row = split.kept.row(0, named=True)
    assert row["text"] == "\n\n".join(SAID)
    said = [row["text"][turn["start"] : turn["end"]] for turn in row["turns"]]
    assert "".join(said) == row["text"]
    assert [text.strip() for text in said] == SAID
    assert [turn["role"] for turn in row["turns"]] == ROLES
    assert row["origin"]["parents"] == ["draft-p", "critique-p", "revision-p"]
    Responses.validate(split.kept)


def test_other_questions_make_another_response() -> None:
    one, other = (transcripts(chains(), asked=(text, MEND)).kept for text in (LOOK, "Why?"))
    assert set(one["response_id"]).isdisjoint(other["response_id"])


def test_answers_of_different_models_are_no_transcript() -> None:
    tables = chains(draft={"origin": {**ORIGIN, "model": "another"}})
    split = transcripts(tables)
    assert split.kept["prompt_id"].to_list() == ["p"]
    assert split.dropped["reason"].to_list() == ["the answer of 'drafts' is of another model"]


def test_sides_of_pairs_and_lessons_are_their_turns() -> None:
    tables = chains()
    kept = transcripts(tables).kept
    both = pl.concat(
        [kept.head(1), tables["drafts"].head(1).select(kept.columns)], how="vertical_relaxed"
    )
    values = dict(zip(both["response_id"], (1.0, 0.0), strict=True))
    scores = [
        {"response_id": name, "annotator": "a", "value": value, "origin": ORIGIN}
        for name, value in values.items()
    ]
    tables |= {"both": both, "scores": rows(Scores, scores)}
    pair = BestWorst(of="both", by="scores").run(tables).kept.row(0, named=True)
    assert [turn["content"] for turn in pair["chosen"]] == SAID
    assert [turn["role"] for turn in pair["chosen"]] == ROLES
    assert [turn["content"] for turn in pair["rejected"]] == SAID[:1]
    lesson = Imitate(of="both").run(tables).kept.row(0, named=True)
    assert [turn["content"] for turn in lesson["messages"][2:]] == SAID
    learned = [lesson["messages"][number]["content"][a:b] for number, a, b in lesson["loss_spans"]]
    assert learned == SAID[::2]
