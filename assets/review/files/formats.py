"""The formats of files of decisions, by name."""

from collections.abc import Mapping

from assets.config.errors import FactoryError
from assets.review.files import argilla, label_studio, parquet
from assets.review.files.entries import Format
from assets.review.files.objects import objects
from schemas.near import near

FORMATS: Mapping[str, Format] = {
    "parquet": parquet,
    "label-studio": label_studio,
    "argilla": argilla,
}


def format_named(name: str) -> Format:
    """Raises `FactoryError` if there is no such format."""
    if name not in FORMATS:
        raise FactoryError(f"there is no format {name!r} of decisions; {near(name, list(FORMATS))}")
    return FORMATS[name]


def format_of(content: bytes) -> Format:
    """The format of a file's content. Raises `WrongFileError` if it is none that is known."""
    if content.startswith(b"PAR1"):
        return parquet
    records = objects(content)
    return argilla if records and "fields" in records[0] else label_studio
