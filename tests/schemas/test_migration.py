"""Tables of before open as those of today."""

import polars as pl
import pytest

from schemas import (
    Demonstrations,
    Nodes,
    Pairs,
    Prompts,
    Rankings,
    Responses,
    Table,
    columns,
    empty,
    messages_of,
    migrated,
)
from schemas.messages import PLAIN_MESSAGES


@pytest.mark.parametrize("gone", [("reasoning", "turns"), ("turns",)])
def test_responses_of_before_there_were_thoughts_or_transcripts(gone: tuple[str, ...]) -> None:
    before = empty(Responses).drop(gone)
    assert migrated(before).schema == columns(Responses)
    assert migrated(before.lazy()).collect_schema() == columns(Responses)


def test_messages_of_before_they_called_tools() -> None:
    plain = [{"role": "user", "content": "2 + 2"}]
    chats = ("prompt", "chosen", "rejected")
    before = empty(Pairs).with_columns(pl.col(chats).cast(PLAIN_MESSAGES))
    assert migrated(before).schema == columns(Pairs)
    held = migrated(pl.DataFrame({"prompt": [plain]}))["prompt"].to_list()
    assert [messages_of(cell) for cell in held] == [tuple(plain)]


def test_other_frames_stay_as_they_are() -> None:
    for frame in (empty(Responses), empty(Pairs), pl.DataFrame({"text": ["a"]})):
        assert migrated(frame) is frame


@pytest.mark.parametrize(
    ("table", "added"),
    [
        (Nodes, ("finish",)),
        (Rankings, ("ends",)),
        (Demonstrations, ("ends", "weight")),
        (Demonstrations, ("weight",)),
        (Pairs, ("annotator",)),
        (Prompts, ("task",)),
    ],
)
def test_tables_of_before_a_column_was_added(table: type[Table], added: tuple[str, ...]) -> None:
    before = empty(table).drop(added).with_columns(recipe=pl.lit("r"))
    opened = migrated(before)
    assert opened.columns == [*columns(table), "recipe"]
    assert opened.drop("recipe").schema == columns(table)
