"""The addresses of datasets and models on the Hugging Face Hub."""

import re
from collections.abc import Mapping
from typing import Literal

from assets.config.errors import FactoryError

Kind = Literal["dataset", "model"]

_URLS: Mapping[Kind, re.Pattern[str]] = {
    "dataset": re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)/?"),
    "model": re.compile(r"hf://(?:models/)?([\w.-]+/[\w.-]+)/?"),
}


def repository(place: str, kind: Kind = "dataset") -> str | None:
    """The ``NAME/REPO`` of ``hf://datasets/NAME/REPO``, or of ``hf://NAME/REPO`` for a model; None
    for a path.

    Raises:
        FactoryError: ``place`` is another ``hf://`` address.
    """
    if not place.startswith("hf://"):
        return None
    named = _URLS[kind].fullmatch(place)
    if named is None or (kind == "model" and named[1].startswith("datasets/")):
        written = "hf://datasets/NAME/REPO" if kind == "dataset" else "hf://NAME/REPO"
        raise FactoryError(f"{place!r} is not a {kind} of the Hub: write {written}")
    return named[1]
