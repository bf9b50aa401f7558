"""A refresh takes only what is new, and doing it again changes nothing."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.config.errors import FactoryError
from assets.prompts.incremental_read import ReadResult, read_on
from assets.storage.tables import Tables
from engines.checks import math
from schemas import SourceRowError

KEY = ("prompts", "mine")
READ = {"use": "mine.Source"}


class Listed:
    """A source of the texts it is given; an exception among them is yielded."""

    def __init__(self, texts: list[Any], revision: str = "1") -> None:
        self.texts = texts
        self.revision = revision

    def prompts(self, start: int = 0) -> Iterator[Mapping[str, Any] | SourceRowError]:
        for text in self.texts[start:]:
            yield (
                text
                if isinstance(text, SourceRowError)
                else {
                    "messages": [{"role": "user", "content": text}],
                    "reference": None,
                    "source": "told by the source",
                    "source_revision": self.revision,
                    "licence": "CC0-1.0",
                }
            )


def refresh(
    tables: Tables, source: Any, day: str, limit: int | None, read: dict[str, Any] = READ
) -> ReadResult:
    reading = read_on(
        source, name="mine", key=KEY, refresh=day, limit=limit, tables=tables, read=read
    )
    tables.write(KEY, day, reading.split, about=reading.about)
    return reading


def texts(tables: Tables, day: str) -> list[str]:
    frame = tables.read(KEY, day)
    return [messages[-1]["content"] for messages in frame["messages"]]


def test_a_reference_that_the_check_cannot_read_is_refused_by_its_row(tables: Tables) -> None:
    def tasks(start: int = 0) -> Iterator[Mapping[str, Any]]:
        references = ["7", "It follows that they are equal.", None, "\\frac{1}{2}"]
        for number, reference in list(enumerate(references))[start:]:
            yield {
                "messages": [{"role": "user", "content": f"task {number}"}],
                "reference": reference,
                "source_revision": "1",
                "licence": "CC0-1.0",
                "row": f"tasks.jsonl, line {number + 1}",
            }

    class Source:
        prompts = staticmethod(tasks)

    reading = read_on(
        Source(),
        name="mine",
        key=KEY,
        refresh="2026-01-01",
        limit=None,
        tables=tables,
        read=READ,
        readable=math.readable,  # type: ignore[attr-defined]
    )
    assert reading.split.kept["reference"].to_list() == ["7", None, "\\frac{1}{2}"]
    (refused,) = reading.split.dropped.to_dicts()
    assert refused["row_id"] == "tasks.jsonl, line 2"
    assert "cannot read the reference" in refused["reason"]
    assert "It follows that they are equal." in refused["numbers"]


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path)


def test_each_refresh_goes_on_where_the_last_stopped(tables: Tables) -> None:
    source = Listed(list("abcdefg"))
    refresh(tables, source, "2026-01-01", 3)
    refresh(tables, source, "2026-01-02", 3)
    refresh(tables, source, "2026-01-03", 3)
    assert [texts(tables, f"2026-01-0{day}") for day in (1, 2, 3)] == [
        ["a", "b", "c"],
        ["d", "e", "f"],
        ["g"],
    ]
    assert tables.read(KEY, "2026-01-01")["source"].unique().to_list() == ["mine"]


def test_a_refresh_done_again_is_the_same_and_more_only_adds(tables: Tables) -> None:
    source = Listed(list("abcdefgh"))
    refresh(tables, source, "2026-01-01", 2)
    refresh(tables, source, "2026-01-02", 2)
    assert refresh(tables, source, "2026-01-01", 2).new == 0
    assert refresh(tables, source, "2026-01-01", 1).new == 0
    assert refresh(tables, source, "2026-01-01", 4).new == 2
    assert texts(tables, "2026-01-01") == ["a", "b", "e", "f"]
    refresh(tables, source, "2026-01-02", None)
    assert texts(tables, "2026-01-02") == ["c", "d", "g", "h"]


def test_duplicates_and_bad_rows_are_dropped_with_reasons(tables: Tables) -> None:
    source = Listed(["a", SourceRowError("line 2", "no question"), "a", " ", "b"])
    split = refresh(tables, source, "2026-01-01", None).split
    assert texts(tables, "2026-01-01") == ["a", "b"]
    assert sorted(split.dropped["reason"]) == ["already seen", "messages_not_empty", "no question"]
    assert split.dropped.filter(pl.col("reason") == "no question")["row_id"].item() == "line 2"


def test_a_new_revision_is_read_from_its_start_and_gives_only_what_is_new(tables: Tables) -> None:
    refresh(tables, Listed(list("abc")), "2026-01-01", None)
    reading = refresh(tables, Listed(list("xabcd"), revision="2"), "2026-01-02", None)
    assert texts(tables, "2026-01-02") == ["x", "d"]
    assert reading.split.dropped["reason"].unique().to_list() == ["already seen"]


def test_a_source_described_otherwise_starts_the_refresh_anew(tables: Tables) -> None:
    refresh(tables, Listed(["wrong file"]), "2026-01-01", None)
    refresh(tables, Listed(["a"]), "2026-01-01", None, read={"use": "other"})
    assert texts(tables, "2026-01-01") == ["a"]


def test_a_source_that_cannot_be_read_is_named(tables: Tables) -> None:
    class Broken:
        def prompts(self, start: int = 0) -> Iterator[Any]:
            raise FileNotFoundError("no such file: train.jsonl")

    with pytest.raises(FactoryError, match=r"source 'mine' cannot be read: .*train\.jsonl"):
        refresh(tables, Broken(), "2026-01-01", None)


def test_an_empty_source_gives_no_rows(tables: Tables) -> None:
    assert refresh(tables, Listed([]), "2026-01-01", 5).split.kept.is_empty()


@settings(max_examples=20)
@given(
    asked=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), min_size=1, max_size=8),
    length=st.integers(0, 15),
)
def test_no_prompt_is_ever_taken_twice_and_first_rows_stay(
    asked: list[tuple[int, int]], length: int
) -> None:
    source = Listed([f"text {number}" for number in range(length)])
    with TemporaryDirectory() as folder:
        tables = Tables(Path(folder))
        for day, limit in asked:
            name = f"2026-01-0{day}"
            before = texts(tables, name) if name in tables.refreshes(KEY) else []
            refresh(tables, source, name, limit)
            assert texts(tables, name)[: len(before)] == before
        taken = [text for day in tables.refreshes(KEY) for text in texts(tables, day)]
        assert len(taken) == len(set(taken))
        most = sum({day: max(n for d, n in asked if d == day) for day, _ in asked}.values())
        assert len(taken) == min(length, most)
