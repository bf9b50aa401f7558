"""Reads the ``defs.yaml`` files in folders of recipes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.config.errors import RecipeError, is_name
from assets.config.yaml_file import LARGEST, Document, YamlError, documents
from assets.project.dataset import DatasetSpec
from assets.project.declaration import Declaration
from assets.project.model import ModelSpec
from assets.project.recipe import RecipeSpec
from assets.project.refusal import FILE, Refusal, as_recipe_error
from assets.project.source import SourceSpec
from schemas.keys import holds_key
from schemas.near import near

TYPES: Mapping[str, type[Declaration]] = {
    kind.type_name: kind for kind in (RecipeSpec, SourceSpec, DatasetSpec, ModelSpec)
}
"""The declarations, by the ``type`` that a file names."""

_PARTS = ("type", "attributes")
_FILES = ("defs.yaml", "defs.yml", "component.yaml")
_NAME = re.compile(r"^ {0,4}name: *[\"']?(\w{1,100})", re.MULTILINE)


@dataclass(frozen=True)
class Draft:
    """A declaration as it stands in a file, before it is checked.

    Attributes:
        type: Its class.
        attributes: Its attributes.
        file: The file.
        line: The line of the file where its document begins.
    """

    type: type[Declaration]
    attributes: Mapping[str, Any]
    file: Path
    line: int

    @property
    def name(self) -> str:
        """Its name, or that of its folder if it has none that can be shown."""
        name = self.attributes.get("name")
        return str(name) if _is_shown(name) else self.file.parent.name

    def declared(self) -> Declaration | Refusal:
        """The declaration, or why it is refused."""
        try:
            with as_recipe_error(self.file):
                return self.type.declared(self.attributes, self.file, line=self.line)
        except RecipeError as error:
            return Refusal(self.type.kind, self.name, self.file, error)


def read_folders(folders: Iterable[Path]) -> Iterator[Declaration | Refusal]:
    """What the files in ``folders`` and their subfolders declare, each file once."""
    for each in read_drafts(folders):
        yield each.declared() if isinstance(each, Draft) else each


def read_drafts(folders: Iterable[Path]) -> Iterator[Draft | Refusal]:
    """What the files in ``folders`` and their subfolders hold, each file once."""
    visited: set[Path] = set()
    for folder in folders:
        for file in _files(folder, frozenset()):
            if (place := file.resolve()) not in visited:
                visited.add(place)
                yield from _read(file)


def _subfolders(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """The sorted folders in ``folder``, without hidden ones and links to the folders ``above``."""
    for subfolder in sorted(each for each in folder.iterdir() if each.is_dir()):
        if not subfolder.name.startswith(".") and subfolder.resolve() not in above:
            yield subfolder


def declaring_file(folder: Path) -> Path | None:
    """The ``defs.yaml`` of a folder, under any of its allowed names; None if there is none."""
    return next((folder / name for name in _FILES if (folder / name).is_file()), None)


def _read(file: Path) -> Iterator[Draft | Refusal]:
    """The documents of a ``defs.yaml``."""
    try:
        parts = documents(file)
    except YamlError as error:
        field = (error.field or "").removeprefix("attributes.")
        wrong = RecipeError(str(error), file=file, field=field or None)
        yield from (Refusal(FILE, name, file, wrong) for name in _names(file))
        return
    if not parts:
        wrong = RecipeError(f"is empty: set type to one of {', '.join(TYPES)}", file=file)
        yield Refusal(FILE, file.parent.name, file, wrong)
    for document in parts:
        try:
            yield Draft(*_parts(document, file), file, document.line)
        except RecipeError as error:
            yield Refusal(FILE, file.parent.name, file, error)


def _parts(document: Document, file: Path) -> tuple[type[Declaration], Mapping[str, Any]]:
    """The type and the attributes of a document."""
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
    return TYPES[kind], attributes


def _names(file: Path) -> list[str]:
    """The names that a file without valid YAML seems to declare, or else that of its folder."""
    try:
        text = file.read_bytes()[:LARGEST].decode("utf-8", "replace")
    except OSError:
        text = ""
    return list(dict.fromkeys(filter(_is_shown, _NAME.findall(text)))) or [file.parent.name]


def _is_shown(name: Any) -> bool:
    """Whether a name may be shown: it keeps the rule of names, and does not look like a key."""
    return isinstance(name, str) and is_name(name) and not holds_key(name)


def _files(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    for subfolder in _subfolders(folder, above):
        file = declaring_file(subfolder)
        if file is not None:
            yield file
        else:
            yield from _files(subfolder, above | {subfolder.resolve()})
