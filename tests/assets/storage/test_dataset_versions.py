"""When rows are a new version of a dataset, and what is said of one that cannot be read."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.config.errors import FactoryError
from assets.storage.dataset_versions import TOLERANCE, Version, Versions
from assets.storage.tables import DamagedTableError, read_table
from schemas import MESSAGES, Pairs, dropped
from tests.assets.dataset_parts import new_parts

DROPPED = dropped("datasets/some", "", [])


def rows(margin: float = 0.5, weight: float = 0.25, chosen: str = "yes") -> pl.DataFrame:
    def said(text: str) -> list[dict[str, Any]]:
        return [{"role": "assistant", "content": text}]

    return pl.DataFrame(
        {
            "pair_id": ["a", "b"],
            "split": ["train", "held_out"],
            "refresh": "2026-11-01",
            "chosen": pl.Series([said(chosen), said("yes")], dtype=MESSAGES),
            "margin": [margin, None],
            "token_weights": [{"chosen": [weight, 1.0]}, {"chosen": []}],
        }
    )


def written(versions: Versions, frame: pl.DataFrame) -> tuple[Version, bool]:
    return versions.write(new_parts(frame), DROPPED, table=Pairs.__name__, about={})


@pytest.mark.parametrize(
    ("changed", "new"),
    [
        ({}, False),
        ({"margin": 0.5 + TOLERANCE / 2}, False),
        ({"weight": 0.25 - TOLERANCE / 2}, False),
        ({"margin": 0.5 + 3 * TOLERANCE}, True),
        ({"weight": 0.25 - 3 * TOLERANCE}, True),
        ({"chosen": "Yes"}, True),
    ],
)
def test_last_digits_make_no_version(tmp_path: Path, changed: Any, new: bool) -> None:
    versions = Versions(tmp_path, "some")
    first, _ = written(versions, rows())
    second, is_new = written(versions, rows(**changed))
    assert is_new is new
    assert (second.digest != first.digest) is new
    assert versions.numbers() == ([1, 2] if new else [1])
    assert versions.read(second)["margin"][0] == (changed if new else {}).get("margin", 0.5)


def test_many_small_steps_are_a_step(tmp_path: Path) -> None:
    versions = Versions(tmp_path, "some")
    for step in range(4):
        version, _ = written(versions, rows(0.5 + step * TOLERANCE / 2))
    assert version.number == 2


def test_a_file_of_rows_that_was_removed_is_written_again(tmp_path: Path) -> None:
    versions = Versions(tmp_path, "some")
    first, _ = written(versions, rows())
    file = tmp_path / "datasets" / "some" / "rows" / first.parts[0].file
    file.unlink()
    assert written(versions, rows())[0] == first
    assert read_table(file).height == 1


def test_what_a_killed_update_wrote_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = Versions(tmp_path, "some")
    written(versions, rows())

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("assets.storage.dataset_versions.asdict", killed)
        with pytest.raises(KeyboardInterrupt):
            written(versions, rows(chosen="half written"))
    left = versions.folder / "rows" / ".train-2026-11-01-0.parquet.1"
    left.touch()
    written(versions, rows(chosen="Yes"))
    named = {part.file for number in (1, 2) for part in versions.version(number).parts}
    assert {path.name for path in left.parent.iterdir()} == named


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    versions = Versions(tmp_path, "some")
    version, _ = written(versions, rows())
    file = tmp_path / "datasets" / "some" / "rows" / version.parts[0].file
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DamagedTableError, match=file.name):
        versions.read(version)
    record = tmp_path / "datasets" / "some" / "versions" / "000001.json"
    for damaged in ("", "{", "[]", "{}", '{"parts": 3}'):
        record.write_text(damaged)
        with pytest.raises(FactoryError, match=r"000001\.json is damaged"):
            versions.version()
