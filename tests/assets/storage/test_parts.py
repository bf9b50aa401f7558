"""A table of many rows is stored in parts, and read like any other."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from upath import UPath

from assets.storage import tables as storage
from assets.storage.parts import cut, manifest_path, parts_folder
from assets.storage.tables import DamagedTableError, MissingTableError, Tables
from schemas import Responses, Split, dropped, rows

KEY, DAY = ("recipe", "responses"), "2026-01-01"


def split(prompts: int, *, each: int = 3) -> Split:
    told = {"text": "hello", "finish": "stop", "tokens": 3}
    origin = {"operator": "o", "parameters": "{}", "seed": 1, "parents": []}
    records = [
        {"response_id": f"r{p}-{n}", "prompt_id": f"p{p}", "origin": origin, **told}
        for p in range(prompts)
        for n in range(each)
    ]
    return Split(rows(Responses, records), dropped("responses", "too long", ["p"]))


@pytest.fixture(params=["disk", "object store"])
def tables(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Tables:
    monkeypatch.setattr(storage, "ROWS", 10)
    on_disk = request.param == "disk"
    return Tables(UPath(tmp_path) if on_disk else UPath(f"memory://{tmp_path.name}"))


def parts(tables: Tables) -> list[str]:
    return sorted(path.name for path in parts_folder(tables.path(KEY, DAY)).glob("*.parquet"))


def test_a_table_in_parts_is_read_like_any_other(tables: Tables) -> None:
    many = split(12)
    tables.write(KEY, DAY, many, about={"read": "so"})
    assert len(parts(tables)) == 4
    assert_frame_equal(tables.read(KEY, DAY), many.kept)
    assert_frame_equal(tables.read_dropped(KEY, DAY), many.dropped)
    assert tables.about(KEY, DAY) == {"read": "so"}
    assert tables.refreshes(KEY) == [DAY]
    assert tables.height(KEY, DAY) == 36
    last = pl.col("prompt_id") == "p11"
    for ask in (tables.query, tables.select):
        assert_frame_equal(ask(KEY, DAY, lambda rows: rows), many.kept)
        assert ask(KEY, DAY, lambda rows: rows.filter(last)).height == 3


def test_few_rows_are_one_file(tables: Tables) -> None:
    tables.write(KEY, DAY, split(3))
    assert tables.path(KEY, DAY).exists()
    assert not parts(tables)


def test_a_table_takes_the_place_of_the_one_before(tables: Tables) -> None:
    for prompts in (12, 20, 3, 20, 12, 3):
        tables.write(KEY, DAY, split(prompts))
        assert_frame_equal(tables.read(KEY, DAY), split(prompts).kept)
        assert tables.refreshes(KEY) == [DAY]
        assert len(parts(tables)) == {3: 0, 12: 4, 20: 6}[prompts]


def test_equal_tables_have_equal_parts(tables: Tables) -> None:
    tables.write(KEY, DAY, split(12))
    first = parts(tables)
    tables.write(KEY, DAY, split(12))
    assert parts(tables) == first


def test_parts_without_a_manifest_are_no_table(tables: Tables) -> None:
    tables.write(KEY, DAY, split(12))
    manifest_path(tables.path(KEY, DAY)).unlink()
    assert tables.refreshes(KEY) == []
    with pytest.raises(MissingTableError):
        tables.read(KEY, DAY)


def test_what_is_damaged_is_named(tables: Tables) -> None:
    tables.write(KEY, DAY, split(12))
    folder = parts_folder(tables.path(KEY, DAY))
    (folder / parts(tables)[1]).unlink()
    with pytest.raises(DamagedTableError, match=r"00001-.*factory run recipe --refresh 2026-01-01"):
        tables.read(KEY, DAY)
    manifest_path(tables.path(KEY, DAY)).write_bytes(b"{")
    with pytest.raises(DamagedTableError, match=r"manifest.*factory run recipe --refresh"):
        tables.read(KEY, DAY)


@given(sizes=st.lists(st.integers(1, 7), max_size=12), part=st.integers(1, 9))
def test_a_table_is_cut_between_prompts(sizes: list[int], part: int) -> None:
    ids = [f"p{number}" for number, size in enumerate(sizes) for _ in range(size)]
    frame = pl.DataFrame({"prompt_id": ids}, schema={"prompt_id": pl.String})
    pieces = list(cut(frame, part))
    assert [each for piece in pieces for each in piece["prompt_id"]] == ids
    met = [set(piece["prompt_id"]) for piece in pieces]
    assert sum(map(len, met)) == len(set(ids))
    assert all(piece.height < part + 7 for piece in pieces)


def test_rows_about_no_prompt_are_cut_by_number() -> None:
    frame = pl.DataFrame({"node_id": [str(number) for number in range(7)]})
    assert [piece.height for piece in cut(frame, 3)] == [3, 3, 1]
