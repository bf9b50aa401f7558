"""Messages with tools, calls and thoughts: which tables hold them, and their ids."""

from typing import Any

import polars as pl
import pytest

from schemas import (
    Demonstrations,
    Pairs,
    Prompts,
    accept,
    content_id,
    contents,
    named_rows,
    prompt_id,
    rows,
)
from schemas.messages import offered_tools
from tests.tool_chat import ASKED, CALLING, GIVEN


def prompts(*messages: dict[str, Any]) -> pl.DataFrame:
    about = {"source": "s", "source_revision": "1", "licence": "CC0-1.0"}
    return rows(Prompts, [{"prompt_id": "p", "messages": messages, **about}])


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([ASKED, CALLING, GIVEN], None),
        ([ASKED, CALLING, {**GIVEN, "content": ""}], None),
        ([ASKED, CALLING, GIVEN, ASKED], None),
        ([ASKED, {"role": "assistant", "content": " "}, ASKED], "messages_not_empty"),
        ([ASKED, CALLING], "ends_with_the_user"),
    ],
)
def test_a_prompt_ends_with_the_user_or_with_what_a_tool_gave(messages, reason):
    split = accept(Prompts, prompts(*messages), stage="s", unit="prompt_id")
    assert split.dropped["reason"].to_list() == ([reason] if reason else [])


def test_the_messages_of_a_row_have_no_null_fields():
    (row,) = named_rows(prompts(ASKED, CALLING, GIVEN))
    assert row["messages"] == [ASKED, CALLING, GIVEN]


@pytest.mark.parametrize("extra", [{}, {"name": None, "tool_calls": None}])
def test_the_id_of_a_plain_prompt_is_that_of_its_roles_and_contents(extra):
    assert prompt_id([{**ASKED, **extra}]) == content_id([["user", ASKED["content"]]])


def test_tools_calls_and_thoughts_make_other_prompts():
    others = [
        [ASKED],
        [{**ASKED, "tools": "[]"}],
        [ASKED, CALLING, GIVEN],
        [ASKED, {**CALLING, "reasoning": "I shall ask."}, GIVEN],
        [ASKED, {**CALLING, "tool_calls": None}, GIVEN],
    ]
    assert len({prompt_id(messages) for messages in others}) == len(others)


def test_answers_may_call_tools():
    said = {"role": "assistant", "content": "42"}
    about = {"prompt_id": "p", "prompt": [ASKED], "chosen_id": "a", "rejected_id": "b", "weight": 1}
    pair = {"pair_id": "q", "chosen": [said], "rejected": [CALLING], **about}
    demonstration = {"demonstration_id": "d", "prompt_id": "p", "messages": [ASKED, CALLING]}
    for table, row in [(Pairs, pair), (Demonstrations, demonstration)]:
        unit = table.primary_key()[0]
        assert accept(table, rows(table, [row]), stage="s", unit=unit).kept.height == 1


def test_an_author_may_leave_out_the_fields_that_messages_do_not_have():
    about = {"prompt_id": "p", "reference": None, "source": "s"}
    frame = pl.DataFrame(
        {**about, "messages": [[ASKED]], "source_revision": "1", "licence": "CC0-1.0", "task": None}
    )
    kept = accept(Prompts, frame, stage="s", unit="prompt_id").kept
    assert kept.equals(prompts(ASKED))


def test_the_text_of_messages_holds_what_they_call():
    frame = prompts({**ASKED, "tools": "[1]"}, CALLING, GIVEN)
    texts = frame.select(said=contents(pl.col("messages")), tools=offered_tools(pl.col("messages")))
    assert texts.row(0) == (f'{ASKED["content"]}\n\nmultiply {{"a": 6, "b": 7}}\n42', "[1]")
    plain = pl.DataFrame({"messages": [[ASKED, ASKED]]})
    assert plain.select(contents(pl.col("messages"))).item() == "\n".join([ASKED["content"]] * 2)
