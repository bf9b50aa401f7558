"""The field ``publish`` of a recipe, a dataset or a model.

publish: hf://datasets/me/mixed                          # private, unless it is public already
publish: {to: exports/mixed, format: preference}
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from assets.config.errors import FactoryError, RecipeError
from assets.config.hub_address import Kind, repository

PUBLISHED = "published"
"""The group of exports, and the first part of their keys."""


class Publish(BaseModel):
    """Where something is exported after each run that makes it.

    Attributes:
        to: A folder, an object store or a repository of the Hub, as for ``factory export``. A
            relative folder starts at the folder of ``factory.yaml``.
        public: Whether a new repository is public. A public repository is not written to unless
            this is set.
        format: The name of an export format; by default the one that fits the table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str = Field(min_length=1)
    public: bool = Field(default=False, strict=True)
    format: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _named_place(cls, value: Any) -> Any:
        return {"to": value} if isinstance(value, str) else value


def check_publish(publish: Publish | None, kind: Kind, file: Path | str) -> None:
    """Check the address of a publication.

    Args:
        publish: The field of a declaration.
        kind: What is published.
        file: The file of the declaration.

    Raises:
        RecipeError: The address is not one of this kind, or a model has a format.
    """
    if publish is None:
        return
    try:
        repository(publish.to, kind)
    except FactoryError as error:
        raise RecipeError(str(error), file=file, field="publish") from None
    if kind == "model" and publish.format is not None:
        raise RecipeError("a model has no export format", file=file, field="publish.format")


@contextmanager
def refused_format(file: Path | str) -> Iterator[None]:
    """Raises an error about the format of a publication as `RecipeError`."""
    try:
        yield
    except FactoryError as error:
        raise RecipeError(str(error), file=file, field="publish.format") from None
