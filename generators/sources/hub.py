"""Prompts from a dataset on the Hugging Face Hub, or from a local folder in the same layout."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from upath import UPath

from generators.sources.columns import Columns, SourceError
from generators.sources.file_kinds import refuse_pointer
from generators.sources.file_rows import content_revision, files_stamp, format_of
from generators.sources.parquet_rows import row_reader
from schemas import SourceRowError

_COMMIT = re.compile("[0-9a-f]{40}")


class HubDataset(Columns):
    """Prompts from one split of a dataset, in its order. The dataset is streamed, not downloaded.

    ``dataset`` is a Hub id or a local folder. ``revision`` is a commit, a branch or a tag; a branch
    or tag is resolved to its commit at the start. Every prompt records the commit. The order of
    rows is the same in every refresh only if ``revision`` is a commit.
    """

    dataset: str
    config: str | None = None
    split: str = "train"
    revision: str | None = None

    def prompts(self, start: int = 0) -> Iterator[Mapping[str, Any] | SourceRowError]:
        """The rows from number ``start``.

        Raises:
            SourceError: the dataset cannot be reached or read, is empty, or lacks a column;
                also later, if the connection is lost for good.
        """
        revision = self._resolved()
        rows = self._stream(revision)
        first = next(self._each(rows.take(1), 0), None)
        if first is None:
            raise SourceError(f"{self._name} is empty: it holds no prompt")
        self.require(first, self._name)
        return self._prompts(rows.select_columns(self.needed_of(list(first))), start, revision)

    def stamp(self) -> str:
        """The commit that would be read now.

        Raises:
            SourceError: the Hub cannot be reached.
        """
        return self._resolved() if self._folder is None else files_stamp(self._folder_files)

    def rows(self) -> tuple[str, Iterator[Mapping[str, Any]]]:
        """The commit that is read, and its rows unchanged.

        Raises:
            SourceError: as in `prompts`.
        """
        revision = self._resolved()
        return revision, self._each(self._stream(revision), 0)

    def _prompts(
        self, rows: Any, start: int, revision: str
    ) -> Iterator[Mapping[str, Any] | SourceRowError]:
        source = self.dataset.rstrip("/").rpartition("/")[2]
        rows = rows.skip(start)
        for number, row in enumerate(self._each(rows, start), start=start):
            where = f"{self._name}, row {number}"
            yield self.read(row, where=where, source=source, revision=revision)

    @property
    def _name(self) -> str:
        return f"dataset {self.dataset!r}, split {self.split!r}"

    @property
    def _folder(self) -> UPath | None:
        return UPath(self.dataset) if UPath(self.dataset).is_dir() else None

    @property
    def _folder_files(self) -> list[UPath]:
        assert self._folder is not None
        return sorted((file for file in self._folder.rglob("*") if file.is_file()), key=str)

    def _refuse_pointers(self) -> None:
        """Check that no file of a folder is a Git LFS pointer or empty, which `datasets` does not
        tell. Only for a folder that cannot be read: other splits may be such files."""
        for file in self._folder_files if self._folder is not None else []:
            with file.open("rb") as stream:
                refuse_pointer(file, stream)
                if format_of(file) is not None and not stream.read(1):
                    raise SourceError(f"{file} is empty")

    def _resolved(self) -> str:
        """The commit that is read; for a folder, a hash of its files."""
        if self._folder is not None:
            return content_revision(self._folder_files)
        if self.revision is not None and _COMMIT.fullmatch(self.revision):
            return self.revision
        from huggingface_hub import HfApi

        try:
            commit = HfApi().dataset_info(self.dataset, revision=self.revision).sha
        # The Hub's client raises the errors of its transport, also in offline mode.
        except Exception as error:
            raise SourceError(
                f"cannot ask the Hub which commit {self.revision or 'the default branch'} of "
                f"dataset {self.dataset!r} is: {_words(error)}. Check the id, the network and "
                "HF_TOKEN, or give a folder that holds the dataset"
            ) from error
        assert commit is not None
        return commit

    def _stream(self, revision: str) -> Any:
        from datasets import load_dataset

        pinned = {} if self._folder is not None else {"revision": revision}
        try:
            return load_dataset(
                self.dataset, self.config, split=self.split, streaming=True, **pinned
            )
        # A wrong split, a missing config, no network: each raises another class, of three packages.
        except Exception as error:
            self._refuse_pointers()
            raise SourceError(
                f"cannot open {self._name} at {revision[:12]}: {_words(error)}. Check `dataset`, "
                "`config` and `split`, the network and HF_TOKEN"
            ) from error

    def _each(self, rows: Any, start: int) -> Iterator[Mapping[str, Any]]:
        number = start
        try:
            # Rows of JSON have no features before they are read, and no numbers of 32 bits.
            read = row_reader(rows.features.arrow_schema, json_read=True) if rows.features else dict
            for row in rows:
                yield read(row)
                number += 1
        # Damaged files, changed columns, a lost connection: nothing after this row can be read.
        except Exception as error:
            self._refuse_pointers()
            raise SourceError(
                f"{self._name} cannot be read after row {number}: {_words(error)}"
            ) from error


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip()[:500]}"
