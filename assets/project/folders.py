"""Reads the ``defs.yaml`` files in folders of recipes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.config.errors import RecipeError, near
from assets.config.yaml_file import Document, YamlError, documents
from assets.project.dataset import DatasetSpec
from assets.project.declaration import Declaration
from assets.project.model import ModelSpec
from assets.project.recipe import RecipeSpec
from assets.project.source import SourceSpec

TYPES: Mapping[str, type[Declaration]] = {
    kind.type_name: kind for kind in (RecipeSpec, SourceSpec, DatasetSpec, ModelSpec)
}
"""The declarations, by the ``type`` that a file names."""

_PARTS = ("type", "attributes")
_FILES = ("defs.yaml", "defs.yml", "component.yaml")


@dataclass(frozen=True)
class Entry:
    """One document of a ``defs.yaml``.

    Attributes:
        type_name: Its ``type``.
        attributes: Its ``attributes``, which are not validated.
        file: The file.
        line: The line where the document begins.
    """

    type_name: str
    attributes: Mapping[str, Any]
    file: Path
    line: int


def read_folder(folder: Path) -> Iterator[Declaration]:
    """The declarations of all files in ``folder`` and its subfolders, in the order of their paths.

    Raises:
        RecipeError: A file is not YAML, or a declaration cannot work.
    """
    for file in _files(folder, frozenset()):
        for entry in read_file(file):
            yield TYPES[entry.type_name].declared(entry.attributes, file)


def subfolders(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """The sorted folders in ``folder``, without hidden ones and links to the folders ``above``."""
    for subfolder in sorted(each for each in folder.iterdir() if each.is_dir()):
        if not subfolder.name.startswith(".") and subfolder.resolve() not in above:
            yield subfolder


def declaring_file(folder: Path) -> Path | None:
    """The ``defs.yaml`` of a folder, under any of its allowed names; None if there is none."""
    return next((folder / name for name in _FILES if (folder / name).is_file()), None)


def read_file(file: Path) -> list[Entry]:
    """The documents of a ``defs.yaml``. Their attributes are not validated yet.

    Raises:
        RecipeError: The file is not YAML, is empty, or a document has no known ``type``.
    """
    try:
        parts = documents(file)
    except YamlError as error:
        field = (error.field or "").removeprefix("attributes.")
        raise RecipeError(str(error), file=file, field=field or None) from None
    if not parts:
        raise RecipeError(f"is empty: set type to one of {', '.join(TYPES)}", file=file)
    return [_entry(document, file) for document in parts]


def _entry(document: Document, file: Path) -> Entry:
    value = document.value
    if not isinstance(value, Mapping):
        raise RecipeError(
            f"line {document.line}: must be a mapping of type and attributes", file=file
        )
    for part in value:
        if part not in _PARTS:
            hint = near(str(part), _PARTS)
            raise RecipeError(f"there is no such field here; {hint}", file=file, field=str(part))
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise RecipeError(f"must be one of {', '.join(TYPES)}", file=file, field="type")
    attributes = value.get("attributes")
    if not isinstance(attributes, Mapping):
        raise RecipeError("must be a mapping: {name: ..., ...}", file=file, field="attributes")
    return Entry(kind, attributes, file, document.line)


def _files(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    for subfolder in subfolders(folder, above):
        file = declaring_file(subfolder)
        if file is not None:
            yield file
        else:
            yield from _files(subfolder, above | {subfolder.resolve()})
