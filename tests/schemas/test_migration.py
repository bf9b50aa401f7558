"""Tables of before open as those of today."""

import polars as pl
import pytest

from schemas import (
    Demonstrations,
    Nodes,
    Pairs,
    Rankings,
    Responses,
    Table,
    columns,
    empty,
    messages_of,
    migrated,
)
from schemas.messages import PLAIN_MESSAGES


def test_responses_of_before_there_were_thoughts() -> None:
    before = empty(Responses).drop("reasoning")
    assert migrated(before).schema == columns(Responses)


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
    ("table", "added"), [(Nodes, "finish"), (Rankings, "ends"), (Demonstrations, "ends")]
)
def test_tables_of_before_ends_were_kept(table: type[Table], added: str) -> None:
    before = empty(table).drop(added).with_columns(recipe=pl.lit("r"))
    opened = migrated(before)
    assert opened.columns == [*columns(table), "recipe"]
    assert opened.drop("recipe").schema == columns(table)
