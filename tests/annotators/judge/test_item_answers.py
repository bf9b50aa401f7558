"""What was written about responses, as answers to the questions about them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from annotators import ItemAnswers, JudgingItems
from schemas import Responses, rows

ORIGIN = {"operator": "test", "model": "m", "parameters": "{}", "seed": 3, "parents": []}


def responses(texts: dict[str, tuple[str, str, list[str]]]) -> pl.DataFrame:
    """Responses by id: their prompt, text and parents."""
    return rows(
        Responses,
        [
            {
                "response_id": name,
                "prompt_id": prompt,
                "text": text,
                "finish": "stop",
                "tokens": 2,
                "origin": ORIGIN | {"parents": parents},
            }
            for name, (prompt, text, parents) in texts.items()
        ],
    )


@pytest.fixture
def tables(stand: Any) -> dict[str, pl.DataFrame]:
    """Two prompts with three drafts, of which two say the same, and critiques of them."""
    prompts = stand.prompts("How many?", "How old?")
    one, other = prompts["prompt_id"]
    return {
        "prompts": prompts,
        "drafts": responses({"a": (one, "4", []), "b": (one, "4", []), "c": (other, "9", [])}),
        "critiques": responses(
            {
                "c1": (other, "too old", ["c", "elsewhere"]),
                "a1": (one, "too few", ["a"]),
                "a2": (one, "right", ["a"]),
                "b1": (one, "wrong", ["b"]),
                "ab": (one, "both", ["a", "b"]),
                "no": (one, "none", ["z"]),
            }
        ),
    }


def test_texts_answer_the_question_about_the_response_they_were_made_from(
    tables: dict[str, pl.DataFrame], stand: Any
) -> None:
    items = JudgingItems(of="drafts").run(tables, stand.context()).kept
    split = ItemAnswers(of="critiques", drafts="drafts").run(tables, stand.context())
    known = dict(split.kept.select("response_id", "prompt_id").iter_rows())
    of_four, of_nine = items["prompt_id"]
    assert known == {"a1": of_four, "a2": of_four, "b1": of_four, "c1": of_nine}
    assert split.kept["response_id"].to_list() == ["c1", "a1", "a2", "b1"]
    before = tables["critiques"].drop("prompt_id").filter(pl.col("response_id").is_in(list(known)))
    assert split.kept.drop("prompt_id").sort("response_id").equals(before.sort("response_id"))
    assert split.kept.height + split.dropped.height == tables["critiques"].height
    assert split.dropped.select("row_id", "reason").rows() == [
        ("ab", "not of one response of 'drafts'"),
        ("no", "not of one response of 'drafts'"),
    ]
    assert stand.asked == []


def test_a_text_about_a_response_without_its_prompt_is_dropped(
    tables: dict[str, pl.DataFrame], stand: Any
) -> None:
    fewer = tables | {"prompts": tables["prompts"].head(1)}
    split = ItemAnswers(of="critiques", drafts="drafts").run(fewer, stand.context())
    assert set(split.kept["response_id"]) == {"a1", "a2", "b1"}
    assert set(split.dropped["row_id"]) == {"c1", "ab", "no"}


def test_an_answer_is_dropped_where_its_question_cannot_be_shown(
    tables: dict[str, pl.DataFrame], stand: Any, tmp_path: Path
) -> None:
    (tmp_path / "after.jinja").write_text("{{ response }}, {{ notes[0] }}")
    notes = responses({"n": (tables["prompts"]["prompt_id"][1], "old", ["c"])})
    context = replace(stand.context(), folder=tmp_path)
    shown: dict[str, Any] = {"template": "after", "shown": ["notes"]}
    given = tables | {"notes": notes}
    (item,) = JudgingItems(of="drafts", **shown).run(given, context).kept["prompt_id"]
    split = ItemAnswers(of="critiques", drafts="drafts", **shown).run(given, context)
    assert split.kept.select("response_id", "prompt_id").rows() == [("c1", item)]
    reasons = dict(split.dropped.select("row_id", "reason").iter_rows())
    assert {reasons[name] for name in ("a1", "a2", "b1")} == {"stage 'notes' has nothing about it"}
    assert split.kept.height + split.dropped.height == tables["critiques"].height
