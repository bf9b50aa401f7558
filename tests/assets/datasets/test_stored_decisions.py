"""Stored decisions: whatever is stored, a dataset is that of a computation from scratch."""

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from upath import UPath

from assets.datasets import stored_decisions
from assets.datasets.update import Updated, updated
from assets.project.dataset import Cap
from assets.project.dataset_plan import DatasetPlan
from assets.storage import tables as stored_tables
from assets.storage.dataset_versions import Versions
from assets.storage.tables import Tables
from filters import Decontaminate, Deduplicate, LengthBias
from schemas import Dropped, Pairs, Prompts, Split, columns, empty, prompt_id, rows
from schemas.atomic import write_file

PLAN = DatasetPlan(
    name="mine",
    table=Pairs,
    parts={"one": "pairs", "two": "pairs"},
    prompts={"one": ("prompts",), "two": ("prompts",)},
    weights=None,
    filters=(
        Deduplicate(of="rows", threshold=0.7),
        Decontaminate(of="prompts", against=("held_out",), n=6),
    ),
    evaluations={"held_out": "held_out"},
    cap=Cap(),
    held_out=0.5,
)
DAYS = [f"2026-01-0{day}" for day in range(1, 8)]


def text(number: int) -> str:
    """Each third text is nearly equal to the one before it, and one between joins two clusters."""
    # Numbers and single letters in texts would keep rows from being duplicates.
    family = "".join("abcdefghij"[int(digit)] for digit in str(number // 3))
    words = [f"so{family} word{'abcdefghijklmnopqrstuvwxyzäöüß'[place]}" for place in range(30)]
    start = {0: 0, 1: 6, 2: 3}[number % 3]
    return " ".join(words[start : start + 24])


def prompts(numbers: Sequence[int], licence: str = "CC0-1.0") -> pl.DataFrame:
    told = {"source": "some", "source_revision": "1", "licence": licence}
    asked = [[{"role": "user", "content": text(number)}] for number in dict.fromkeys(numbers)]
    return rows(
        Prompts, [{"prompt_id": prompt_id(each), "messages": each, **told} for each in asked]
    )


def pairs(numbers: Sequence[int]) -> pl.DataFrame:
    made: list[dict[str, Any]] = []
    for number in numbers:
        messages = [{"role": "user", "content": text(number)}]
        # The answers of every other family of prompts are the same.
        said = "the same" if number // 3 % 2 else f"another {'abcdefgh'[number % 8]}"
        made.append(
            {
                "pair_id": f"{number}",
                "prompt_id": prompt_id(messages),
                "prompt": messages,
                "chosen": [{"role": "assistant", "content": said}],
                "rejected": [{"role": "assistant", "content": f"not {said}"}],
                "chosen_id": f"{number}-c",
                "rejected_id": f"{number}-r",
                "weight": 1.0,
            }
        )
    return pl.DataFrame(made, schema=columns(Pairs))


@dataclass
class Store:
    """Tables of two recipes, and their dataset."""

    folder: Path
    plan: DatasetPlan = PLAN

    @property
    def tables(self) -> Tables:
        return Tables(self.folder)

    def write(self, recipe: str, day: str, numbers: Sequence[int], **how: Any) -> None:
        for stage, frame in (("prompts", prompts(numbers, **how)), ("pairs", pairs(numbers))):
            self.tables.write((recipe, stage), day, Split(frame, empty(Dropped)))

    def evaluate(self, *numbers: int) -> None:
        self.tables.write(("prompts", "held_out"), None, Split(prompts(numbers), empty(Dropped)))

    def update(self) -> Updated:
        """The dataset by what is stored, and by what is not: they must be equal."""
        scratch = self.folder.with_name("scratch")
        shutil.rmtree(scratch, ignore_errors=True)
        mine = self.folder / "datasets" / "mine"
        if mine.exists():
            shutil.copytree(mine, scratch / "datasets" / "mine")
            shutil.rmtree(scratch / "datasets" / "mine" / "decisions", ignore_errors=True)
        one, other = (
            updated(self.plan, self.tables, Versions(UPath(root), "mine"))
            for root in (self.folder, scratch)
        )
        assert other.known == 0
        assert (one.came, one.new) == (other.came, other.new)
        assert replace(one.version, made="") == replace(other.version, made="")
        assert one.curation.rows.equals(other.curation.rows)
        assert one.curation.dropped.equals(other.curation.dropped)
        assert one.curation.remembered.equals(other.curation.remembered)
        read = [Versions(UPath(root), "mine") for root in (self.folder, scratch)]
        assert read[0].read(one.version).equals(read[1].read(other.version))
        return one

    def files(self) -> list[Path]:
        return sorted((self.folder / "datasets" / "mine" / "decisions").iterdir())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "data")
    store.evaluate(900)
    store.write("one", DAYS[0], range(0, 90))
    store.write("two", DAYS[0], range(60, 100, 3))
    return store


def test_a_refresh_is_decided_about_once(store: Store) -> None:
    assert store.update().known == 0
    again = store.update()
    assert (again.known, again.new) == (104, False)
    store.write("one", DAYS[1], [*range(85, 130), 900])
    more = store.update()
    assert (more.known, more.came, more.new) == (104, 150, True)
    reasons = set(more.curation.dropped["reason"])
    assert reasons == {
        "the same row",
        "nearly the same text",
        "held out, and like a prompt that is trained on",
        "is an evaluation prompt",
    }
    assert len(store.files()) == 3


def test_what_an_earlier_version_stored_is_removed(store: Store) -> None:
    former = store.folder / "datasets" / "mine" / "clusters"
    former.mkdir(parents=True)
    (former / "000000000.parquet").write_bytes(b"bands")
    store.update()
    assert not former.exists()


def test_only_new_rows_are_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.update()
    store.write("one", DAYS[1], range(300, 340))
    read: list[str] = []
    whole = stored_tables.file_slices

    def noted(file: UPath) -> Iterator[pl.DataFrame]:
        read.append(file.name)
        return whole(file)

    # Of earlier rows, only the groups with a text that may be like a new one are read.
    monkeypatch.setattr("assets.datasets.gather.file_slices", noted)
    updated(PLAN, store.tables, Versions(store.folder, "mine"))
    assert read == [f"{DAYS[1]}.parquet"]


DIGESTS = ("d100e42d16da9e86a7c3f0da2ca7b12a", "45be476cb47ec053eec2845716b2ca3d")
"""Of the two versions below, when a refresh was still written from all its rows in memory."""


def test_a_version_written_some_rows_at_a_time_is_that_of_all_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("datasets.curate.SLICE", "datasets.update.SLICE", "storage.tables.SLICE"):
        monkeypatch.setattr(f"assets.{name}", 7)
    monkeypatch.setattr("assets.datasets.gather.GROUP", 7)
    for number, digest in enumerate(DIGESTS, 1):
        version = store.update().version
        assert (version.number, version.digest) == (number, digest)
        rows = Versions(store.folder, "mine").read(version)
        assert rows.height == version.rows()
        store.write("one", DAYS[1], [*range(85, 130), 900])


@pytest.mark.parametrize("seed", range(2))
def test_refreshes_in_any_order_give_what_they_give_from_scratch(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(4):
        recipe, day = draw.choice(["one", "two"]), draw.choice(DAYS)
        store.write(recipe, day, sorted(draw.sample(range(150), draw.randrange(1, 40))))
        store.update()


def with_rules(**changes: Any) -> Callable[[Store], None]:
    def change(store: Store) -> None:
        store.plan = replace(PLAN, **changes)

    return change


EARLIER = [*range(0, 90)]
CHANGES: dict[str, tuple[Callable[[Store], None], int]] = {
    "a row of the first refresh": (
        lambda store: store.write("one", DAYS[0], [200, *EARLIER[1:]]),
        0,
    ),
    "a row less": (lambda store: store.write("one", DAYS[0], EARLIER[1:]), 0),
    "a licence": (lambda store: store.write("one", DAYS[0], EARLIER, licence="MIT"), 0),
    "a row of the second recipe": (lambda store: store.write("two", DAYS[0], [61]), 90),
    "an earlier refresh": (lambda store: store.write("one", "2025-12-31", [0, 210]), 0),
    "a refresh between": (lambda store: store.write("two", DAYS[1], [0, 210]), 104),
    "an evaluation prompt": (lambda store: store.evaluate(900, 3), 0),
    "a threshold": (
        with_rules(filters=(Deduplicate(of="rows", threshold=0.9), PLAN.filters[1])),
        0,
    ),
    "a filter less": (with_rules(filters=PLAN.filters[1:]), 0),
    "a filter of all rows": (
        with_rules(filters=(*PLAN.filters, LengthBias(of="rows"))),
        134,
    ),
    "a share": (with_rules(held_out=0.9), 134),
    "weights": (with_rules(weights={"one": 2.0, "two": 1.0}), 134),
    "a cap": (with_rules(cap=Cap(rows=40)), 134),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_change_concerns_is_decided_again(store: Store, what: str) -> None:
    store.write("one", DAYS[2], range(85, 115))
    store.update()
    change, known = CHANGES[what]
    change(store)
    assert store.update().known == known


@pytest.mark.parametrize("damage", ["cut", "nothing", "version", "gap", "splits"])
def test_what_cannot_be_used_is_made_again(
    store: Store, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.update()
    store.write("one", DAYS[1], range(85, 130))
    store.update()
    files = store.files()
    for file in files:
        if damage == "cut":
            write_file(file, file.read_bytes()[:-20])
        elif damage == "nothing":
            write_file(file, b"")
    if damage == "version":
        monkeypatch.setattr(stored_decisions, "VERSION", 0)
    elif damage == "gap":
        for file in files[:2]:
            file.unlink()
    elif damage == "splits":
        (store.folder / "datasets" / "mine" / "splits.parquet").unlink()
    assert store.update().known in ((0, 90) if damage == "gap" else (0,))
    assert store.update().known == 149
    assert len(store.files()) == 3
