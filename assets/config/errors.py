"""Errors that a user can act on: shown as they are, without a traceback."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.keys import without_keys
from schemas.printable import printable

if TYPE_CHECKING:
    from pydantic import ValidationError


class FactoryError(Exception):
    """Something the user asked for cannot be done; the message says what and what to do, and shows
    no key."""

    def __init__(self, message: str = "") -> None:
        super().__init__(without_keys(printable(message)))


class RecipeError(FactoryError):
    """A ``defs.yaml`` that cannot work: names the file, the stage and the field."""

    def __init__(
        self, problem: str, *, file: Path | str, stage: str | None = None, field: str | None = None
    ) -> None:
        where = [str(file)]
        if stage is not None:
            where.append(f"stage {stage!r}")
        if field is not None:
            where.append(f"field {field!r}")
        super().__init__(f"{', '.join(where)}: {problem}")
        self.file = str(file)
        self.stage = stage
        self.field = field


_TYPE = re.compile(r"[a-z-]+\[.*\]")
NO_MAPPING = ("dict_type", "mapping_type", "model_type", "model_attributes_type")


def parameter_error(
    error: "ValidationError",
    known: Iterable[str],
    *,
    of: str,
    file: Path | str,
    stage: str | None = None,
    under: str = "",
) -> RecipeError:
    """The first thing that is wrong with the parameters of ``of``, which are called ``known`` and
    stand in field ``under`` of ``file``. Never shows what was given."""
    problem = error.errors(include_input=False)[0]
    # Which of several types was tried is no field.
    place = [str(part) for part in problem["loc"] if not _TYPE.fullmatch(str(part))]
    text = problem["msg"].removeprefix("Value error, ")
    if problem["type"] in NO_MAPPING:
        text = "must be a mapping: {name: value, ...}"
    if problem["type"] == "extra_forbidden":
        text = "there is no such parameter here"
        if len(problem["loc"]) == 1:
            text = f"{of} has no such parameter; {near('.'.join(place), known)}"
    elif problem["type"] == "missing":
        text = "this parameter is missing"
    field = ".".join(filter(None, (under, *place)))
    return RecipeError(text, file=file, stage=stage, field=field or None)


NAME_RULE = "a name is letters, digits and _"


def is_name(text: str) -> bool:
    """Whether ``text`` keeps `NAME_RULE`."""
    return text.isidentifier() and text.isascii()


def near(name: str, known: Iterable[str]) -> str:
    """A hint after an unknown name: what was probably meant, or what there is."""
    names = sorted(known)
    meant = get_close_matches(name, names, n=3, cutoff=0.5)
    if meant:
        return f"did you mean {' or '.join(map(repr, meant))}?"
    return f"there is {', '.join(map(repr, names))}" if names else "there is none"


def find_cause(error: BaseException, *kinds: type[BaseException]) -> BaseException | None:
    """The error written for users (a `FactoryError` or one of ``kinds``) that ``error`` is or was
    raised from, however deeply it was wrapped; None if there is none."""
    return next((each for each in causes(error) if isinstance(each, (FactoryError, *kinds))), None)


def causes(error: BaseException) -> Iterator[BaseException]:
    """``error``, what it was raised from, what that was raised from, and so on."""
    # A chain can bite its own tail: Dagster raises an error again while it handles it.
    met: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in met:
        met.add(id(found))
        yield found
        found = found.__cause__ or found.__context__
