"""Where the rows of a published dataset lie: a file, a folder laid out like a dataset, or the
Hub."""

import itertools
from dataclasses import dataclass
from typing import Any

from upath import UPath

from generators import HubDataset, SourceError
from generators.sources.file_rows import (
    COMPRESSED,
    SUFFIXES,
    Rows,
    content_revision,
    file_rows,
    format_of,
)


@dataclass(frozen=True)
class Found:
    """The rows, what was read (a hash of files, or a commit), and the licence that is stated."""

    rows: Rows
    revision: str
    licence: str | None = None


def found_rows(place: str, *, config: str | None, split: str, revision: str | None) -> Found:
    """The rows at ``place``. Files are read one by one as `generators.Files` does.

    Raises `SourceError` where nothing can be read.
    """
    path = UPath(place)
    if path.is_file():
        return _of_files([path])
    if path.is_dir() and (files := _split_files(path, config, split)):
        card = path / "README.md"
        return _of_files(
            files, _licence(card.read_text(encoding="utf-8")) if card.exists() else None
        )
    dataset = HubDataset(
        dataset=place, config=config, split=split, revision=revision, licence="unknown"
    )
    commit, rows = dataset.rows()
    told = ((f"row {number}", row) for number, row in enumerate(rows))
    return Found(told, commit, None if path.exists() else _stated(place, commit))


def _of_files(files: list[UPath], licence: str | None = None) -> Found:
    kinds = [format_of(file) for file in files]
    for file, kind in zip(files, kinds, strict=True):
        if kind is None:
            raise SourceError(
                f"{file.name} must end in {', '.join(SUFFIXES)} (or, compressed, in "
                f"{', '.join(COMPRESSED)} after that)"
            )
    rows = itertools.chain.from_iterable(
        file_rows(file, kind) for file, kind in zip(files, kinds, strict=True) if kind is not None
    )
    return Found(rows, content_revision(files), licence)


def _split_files(folder: UPath, config: str | None, split: str) -> list[UPath]:
    """The files of a split, as `datasets` finds them; none where a row is more than a row of a
    file (text, images)."""
    from datasets import load_dataset_builder

    try:
        files = load_dataset_builder(str(folder), config).config.data_files or {}
    # A folder without data, a missing config: each is another class.
    except Exception as error:
        raise SourceError(f"{folder} is not laid out like a dataset: {error}") from error
    if split not in files:
        raise SourceError(f"{folder} has no split {split!r}; it has {', '.join(files) or 'none'}")
    found = [UPath(str(file)) for file in files[split]]
    return found if all(map(format_of, found)) else []


def _licence(card: str) -> str | None:
    from huggingface_hub import DatasetCard

    return _words(DatasetCard(card).data.get("license"))


def _stated(place: str, revision: str) -> str | None:
    """The licence that the card of a Hub dataset states."""
    from huggingface_hub import HfApi

    card = HfApi().dataset_info(place, revision=revision).card_data
    return None if card is None else _words(card.get("license"))


def _words(stated: Any) -> str | None:
    return ", ".join(stated) if isinstance(stated, list) else stated
