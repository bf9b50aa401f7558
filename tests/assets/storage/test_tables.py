"""Tables land whole, on a disk or in an object store, and come back as they were."""

import os
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from upath import UPath

from assets.execution.io_manager import TablesIOManager
from assets.storage.tables import MissingTableError, Tables, write_whole
from schemas import (
    Demonstrations,
    Dropped,
    Pairs,
    Responses,
    Split,
    columns,
    dropped,
    empty,
    rows,
)

KEY = ("recipe", "responses")


def split(text: str = "hello") -> Split:
    record = {
        "response_id": "r1",
        "prompt_id": "p1",
        "text": text,
        "finish": "stop",
        "tokens": 3,
        "origin": {"operator": "o", "parameters": "{}", "seed": 2**64 - 1, "parents": []},
    }
    return Split(rows(Responses, [record]), dropped("responses", "too long", ["p2"]))


@pytest.fixture(params=["disk", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    return UPath(tmp_path) if request.param == "disk" else UPath(f"memory://{tmp_path.name}")


def test_rows_come_back_as_they_were(root: UPath) -> None:
    tables = Tables(root)
    tables.write(KEY, "2026-01-02", split(), about={"read": "so"})
    tables.write(KEY, "2026-01-01", split())
    assert_frame_equal(tables.read(KEY, "2026-01-02"), split().kept)
    assert_frame_equal(tables.read_dropped(KEY, "2026-01-02"), split().dropped)
    assert tables.about(KEY, "2026-01-02") == {"read": "so"}
    assert tables.about(KEY, "2026-01-01") == {}
    assert tables.refreshes(KEY) == ["2026-01-01", "2026-01-02"]
    assert tables.path(KEY, "2026-01-02").exists()


@pytest.mark.parametrize("gone", [("reasoning", "turns"), ("turns",)])
def test_a_table_of_before_there_were_thoughts_or_transcripts_is_read_as_one_of_today(
    root: UPath, gone: tuple[str, ...]
) -> None:
    tables = Tables(root)
    now = split().kept
    tables.write(KEY, "2026-01-01", Split(now.drop(gone), split().dropped))
    assert_frame_equal(tables.read(KEY, "2026-01-01"), now)


def test_pairs_and_demonstrations_of_before_join_those_of_today(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "2 + 2"}, {"role": "assistant", "content": "4"}]
    pair = {"prompt": said[:1], "chosen": said[1:], "rejected": said[:1]}
    pair |= {"prompt_id": "p", "chosen_id": "c", "rejected_id": "r", "weight": 1.0}
    tables = Tables(UPath(tmp_path))
    for table, added, unit, row in (
        (Pairs, "annotator", "pair_id", pair),
        (Demonstrations, "weight", "demonstration_id", {"prompt_id": "p", "messages": said}),
    ):
        today = rows(table, [{unit: "1", **row, added: "a" if table is Pairs else 0.5}])
        before = rows(table, [{unit: "2", **row}]).drop(added)
        tables.write(("recipe", unit), "2026-01-01", Split(before, empty(Dropped)))
        tables.write(("recipe", unit), "2026-01-02", Split(today, empty(Dropped)))
        both = pl.concat(
            [tables.read(("recipe", unit), day) for day in ("2026-01-01", "2026-01-02")]
        )
        assert both.schema == columns(table)
        assert both[added].to_list() == [None, today[added].item()]


def test_a_table_that_is_not_there_is_named(root: UPath) -> None:
    assert Tables(root).refreshes(KEY) == []
    with pytest.raises(MissingTableError, match=r"there is no table .*2026-01-01\.parquet"):
        Tables(root).read(KEY, "2026-01-01")


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = Tables(tmp_path)
    tables.write(KEY, "2026-01-01", split("old"))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        tables.write(KEY, "2026-01-01", split("new"))
    assert tables.read(KEY, "2026-01-01")["text"].to_list() == ["old"]
    left = [path.name for path in tables.path(KEY, "2026-01-01").parent.iterdir()]
    assert sorted(left) == ["2026-01-01.dropped.parquet", "2026-01-01.parquet"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    place = UPath(tmp_path / "file")
    write_whole(place, b"old")
    with place.open("rb") as reader:
        write_whole(place, b"newer")
        assert reader.read() == b"old"
    assert place.read_bytes() == b"newer"


def test_dagster_hands_rows_on_and_says_what_is_missing(root: UPath) -> None:
    days = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-05")

    @dg.asset(key=["recipe", "responses"], partitions_def=days, io_manager_key="tables")
    def responses() -> Split:
        return split()

    @dg.asset(
        key=["recipe", "count"],
        partitions_def=days,
        ins={"responses": dg.AssetIn(key=["recipe", "responses"])},
        io_manager_key="tables",
    )
    def count(responses: pl.DataFrame) -> Split:
        return Split(responses.head(0), empty(Dropped))

    resources = {"tables": TablesIOManager(root)}
    with pytest.raises(dg.Failure, match="factory run recipe --refresh 2026-01-03"):
        dg.materialize(
            [responses, count],
            selection=[count],
            partition_key="2026-01-03",
            resources=resources,
            instance=dg.DagsterInstance.ephemeral(),
        )
    made = dg.materialize([responses, count], partition_key="2026-01-03", resources=resources)
    assert made.success
    assert_frame_equal(Tables(root).read(KEY, "2026-01-03"), split().kept)
    assert Tables(root).read(("recipe", "count"), "2026-01-03").is_empty()


def test_questions_about_slices_are_answered_in_order(
    root: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.storage.tables.GROUP", 3)
    tables = Tables(root)
    one = split()
    several = pl.concat([one.kept.with_columns(response_id=pl.lit(f"r{n}")) for n in range(8)])
    tables.write(KEY, "2026-01-01", Split(several, one.dropped))
    assert tables.height(KEY, "2026-01-01") == 8
    assert_frame_equal(tables.select(KEY, "2026-01-01", lambda rows: rows), several)
    wanted = pl.col("response_id").is_in(["r1", "r7"])
    found = tables.select(KEY, "2026-01-01", lambda rows: rows.filter(wanted))
    assert found["response_id"].to_list() == ["r1", "r7"]
    tables.write(KEY, "2026-01-02", Split(several.clear(), one.dropped))
    assert_frame_equal(tables.select(KEY, "2026-01-02", lambda rows: rows), several.clear())
    with pytest.raises(MissingTableError):
        tables.query(KEY, "2026-01-03", lambda rows: rows)
    with pytest.raises(MissingTableError):
        tables.select(KEY, "2026-01-03", lambda rows: rows)
