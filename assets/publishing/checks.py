"""Checks of an export, before it replaces a folder or is uploaded."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assets.config.errors import FactoryError
from assets.config.hub_address import Kind
from assets.export.card import MARK
from assets.export.writer import Exported

CARD, FILES = "card", "files"
CHECKS: Mapping[str, str] = {
    CARD: "The card's front matter is valid, names a licence, and every file that it names exists",
    FILES: "The files load, with as many rows as were exported",
}


class ExportCheckError(FactoryError):
    """An export is not as it should be. ``check`` is the name of the check that found it."""

    def __init__(self, check: str, problem: str) -> None:
        super().__init__(f"check {check!r}: {problem}; nothing was published")
        self.check = check


def check_export(folder: Path, kind: Kind, exported: Exported) -> None:
    """Check the card and the files of an export.

    Raises:
        ExportCheckError: Something is wrong with it.
    """
    card = _card(folder, kind)
    if kind == "model":
        _check_model(folder)
    else:
        _check_dataset(folder, card, exported)


def _card(folder: Path, kind: Kind) -> Mapping[str, Any]:
    from huggingface_hub import DatasetCard, ModelCard

    try:
        data: dict[str, Any] = (
            (DatasetCard if kind == "dataset" else ModelCard)
            .load(folder / "README.md")
            .data.to_dict()
        )
    except (OSError, ValueError) as error:
        raise ExportCheckError(CARD, f"README.md cannot be read ({error})") from error
    if not data.get("license"):
        raise ExportCheckError(CARD, "the front matter names no licence")
    if MARK not in data.get("tags", ()):
        raise ExportCheckError(CARD, f"the tag {MARK} is missing")
    return data


def _check_dataset(folder: Path, card: Mapping[str, Any], exported: Exported) -> None:
    from datasets import load_dataset

    configs = {each["config_name"]: list(_patterns(each)) for each in card.get("configs", ())}
    if not configs:
        raise ExportCheckError(CARD, "the front matter names no files")
    counts = {}
    for name, patterns in configs.items():
        files = [file for pattern in patterns for file in folder.glob(pattern)]
        if not files:
            raise ExportCheckError(CARD, f"no file matches {', '.join(patterns)}")
        counts[name] = sum(pq.read_metadata(file).num_rows for file in files)
        try:
            for split in load_dataset(str(folder), name, streaming=True).values():
                next(iter(split), None)
        except Exception as error:  # whatever a reader raises, the file does not load
            raise ExportCheckError(FILES, f"datasets cannot load {name}: {error}") from error
    first = next(iter(counts))
    if counts[first] != exported.rows:
        problem = f"{first} has {counts[first]:,} rows, but {exported.rows:,} were exported"
        raise ExportCheckError(FILES, problem)


def _patterns(config: Mapping[str, Any]) -> Iterator[str]:
    files = config["data_files"]
    for each in files if isinstance(files, list) else [files]:
        path = each["path"] if isinstance(each, Mapping) else each
        yield from [path] if isinstance(path, str) else path


def _check_model(folder: Path) -> None:
    from safetensors import safe_open

    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ExportCheckError(FILES, "there are no weights")
    for file in [*folder.glob("*.json"), *weights]:
        try:
            if file.suffix == ".json":
                json.loads(file.read_bytes())
            else:
                with safe_open(file, framework="pt") as tensors:
                    tensors.keys()
        except Exception as error:  # whatever a reader raises, the file does not load
            raise ExportCheckError(FILES, f"{file.name} cannot be read: {error}") from error
