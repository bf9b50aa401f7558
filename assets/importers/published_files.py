"""Reads the rows of a published dataset from a file, a folder or the Hub."""

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
class PublishedRows:
    """The rows of a dataset. ``revision`` is a hash of the files or a commit, ``licence`` that of
    the dataset's card."""

    rows: Rows
    revision: str
    licence: str | None = None


def published_rows(
    place: str, *, config: str | None, split: str, revision: str | None
) -> PublishedRows:
    """The rows at ``place``. Files are read one by one, as `generators.Files` reads them.

    Args:
        place: A file, a folder in the layout of a dataset, or an id on the Hub.

    Raises:
        SourceError: Nothing can be read there.
    """
    path = UPath(place)
    if path.is_file():
        return _from_files([path])
    if path.is_dir() and (files := _split_files(path, config, split)):
        card = path / "README.md"
        return _from_files(
            files, _licence(card.read_text(encoding="utf-8")) if card.exists() else None
        )
    dataset = HubDataset(
        dataset=place, config=config, split=split, revision=revision, licence="unknown"
    )
    commit, rows = dataset.rows()
    numbered = ((f"row {number}", row) for number, row in enumerate(rows))
    return PublishedRows(numbered, commit, None if path.exists() else _hub_licence(place, commit))


def _from_files(files: list[UPath], licence: str | None = None) -> PublishedRows:
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
    return PublishedRows(rows, content_revision(files), licence)


def _split_files(folder: UPath, config: str | None, split: str) -> list[UPath]:
    """The files of a split, as `datasets` finds them. Empty if a row is not one row of a file, as
    with texts or images."""
    from datasets import load_dataset_builder

    try:
        files = load_dataset_builder(str(folder), config).config.data_files or {}
    # `datasets` raises different classes: for a folder without data, a missing config and so on.
    except Exception as error:
        raise SourceError(f"{folder} is not laid out like a dataset: {error}") from error
    if split not in files:
        raise SourceError(f"{folder} has no split {split!r}; it has {', '.join(files) or 'none'}")
    paths = [UPath(str(file)) for file in files[split]]
    return paths if all(map(format_of, paths)) else []


def _licence(card: str) -> str | None:
    from huggingface_hub import DatasetCard

    return _joined(DatasetCard(card).data.get("license"))


def _hub_licence(place: str, revision: str) -> str | None:
    """The licence on the card of a Hub dataset."""
    from huggingface_hub import HfApi

    card = HfApi().dataset_info(place, revision=revision).card_data
    return None if card is None else _joined(card.get("license"))


def _joined(licence: Any) -> str | None:
    return ", ".join(licence) if isinstance(licence, list) else licence
