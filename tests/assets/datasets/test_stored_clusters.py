"""Stored clusters: whatever is stored, splits are those of a computation from scratch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from assets.datasets import stored_clusters
from assets.datasets.clusters import BANDS
from assets.datasets.splits import Splits, splits
from assets.datasets.stored_clusters import StoredClusters, load_clusters, store_clusters
from schemas.atomic import write_file


def text(number: int) -> str:
    """Each third text is nearly equal to the one before it, and one between joins two clusters."""
    words = [f"w{number // 3}x{place}" for place in range(30)]
    start = {0: 0, 1: 6, 2: 3}[number % 3]
    return " ".join(words[start : start + 24])


SOME = [text(number) for number in range(90)]
"""More than are all compared with each other."""


def update(
    folder: UPath, texts: Sequence[str], remembered: dict[str, str], *, held_out: float = 0.5
) -> Splits:
    """The splits of ``texts`` by what is stored, and by what is not: they must be equal."""
    series = pl.Series(texts, dtype=pl.String)
    scratch = splits(series, held_out, remembered)
    found = splits(series, held_out, remembered, load_clusters(folder, BANDS))
    assert found.rows.equals(scratch.rows)
    np.testing.assert_array_equal(found.clusters.bands, scratch.clusters.bands)
    store_clusters(folder, found.clusters, new=found.known)
    remembered.update(found.rows.select("key", "own").iter_rows())
    return found


@given(
    refreshes=st.lists(
        st.tuples(st.integers(0, 3), st.lists(st.integers(0, 120), max_size=30)), max_size=5
    )
)
def test_refreshes_in_any_order_give_what_they_give_from_scratch(
    refreshes: list[tuple[int, list[int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = UPath(tmp_path_factory.mktemp("dataset"))
    days: dict[int, list[str]] = {2: [*SOME]}
    remembered: dict[str, str] = {}
    update(folder, SOME, remembered)
    for day, numbers in refreshes:
        days.setdefault(day, []).extend(map(text, numbers))
        update(folder, [each for _, texts in sorted(days.items()) for each in texts], remembered)


def test_only_new_prompts_are_compared(tmp_path: Path) -> None:
    folder, remembered = UPath(tmp_path), dict[str, str]()
    assert update(folder, SOME, remembered).known == 0
    assert update(folder, SOME, remembered).known == 90
    more = [*SOME, text(3), text(300), text(301), text(302)]
    assert update(folder, more, remembered).known == 90
    assert update(folder, more, remembered).known == 93
    assert len(list(folder.iterdir())) == 2
    # An earlier refresh came later: the prompts after it have other numbers.
    assert update(folder, [*more[:20], text(400), *more[20:]], remembered).known == 20
    assert len(list(folder.iterdir())) == 1


def test_few_prompts_are_not_stored(tmp_path: Path) -> None:
    folder = UPath(tmp_path)
    update(folder, SOME[:20], {})
    assert not list(folder.iterdir())


@pytest.mark.parametrize("damage", ["cut", "nothing", "version", "gap"])
def test_what_cannot_be_used_is_made_again(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, remembered = UPath(tmp_path), dict[str, str]()
    update(folder, SOME, remembered)
    update(folder, [*SOME, text(300)], remembered)
    first, last = sorted(Path(tmp_path).iterdir())
    if damage == "cut":
        write_file(first, first.read_bytes()[:-20])
    elif damage == "nothing":
        write_file(last, b"")
    elif damage == "version":
        monkeypatch.setattr(stored_clusters, "VERSION", 0)
    else:
        first.unlink()
    assert update(folder, [*SOME, text(300)], remembered).known == 0
    assert update(folder, [*SOME, text(300)], remembered).known == 91


def test_prompts_that_are_no_longer_the_first_are_forgotten() -> None:
    keys = pl.Series("key", ["a", "b", "c"])
    joined = np.array([[1, 0], [2, 0]])
    stored = StoredClusters(keys, np.zeros((3, BANDS), np.uint64), joined)
    for now, count in (("abcd", 3), ("abd", 2), ("xbc", 0), ("", 0), ("a", 1)):
        first = stored.first(pl.Series("key", list(now), dtype=pl.String))
        assert len(first.keys) == len(first.bands) == count
        assert (first.joined[:, 0] < count).all()
