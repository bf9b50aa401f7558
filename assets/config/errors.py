"""Errors that a user can act on. The command line shows them without a traceback."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from schemas.keys import without_keys
from schemas.near import near
from schemas.printable import printable
from schemas.wrong_values import wrong_values

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError


class FactoryError(Exception):
    """A request of the user cannot be carried out.

    The message says what is wrong and what to do. Keys and passwords are removed from it.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(without_keys(printable(message)))


class RecipeError(FactoryError):
    """A ``defs.yaml`` is wrong. The message names the file, the stage and the field."""

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


class UnfitError(RecipeError):
    """A ``defs.yaml`` is right, but the project lacks what it needs: a model that can do what it is
    asked, or a source of prompts with a check or with references."""


def parameter_error(
    error: "ValidationError",
    kind: "type[BaseModel]",
    given: Any,
    *,
    of: str,
    file: Path | str,
    stage: str | None = None,
    under: str = "",
) -> RecipeError:
    """The error for wrong parameters: what was expected, and what was given.

    Args:
        error: The validation error. Its first problem is reported, but a name that does not exist
            before all others: if it is mistyped, the right one is missing too.
        kind: The class with the parameters.
        given: The parameters as they are given.
        of: What has the parameters, such as the name of an operator.
        file: The file that holds them.
        stage: The stage that holds them.
        under: The field that holds them.
    """
    problems = wrong_values(error, given)
    unknown = (each for each in problems if each.kind == "extra_forbidden")
    problem = next(unknown, problems[0])
    text = problem.text
    if problem.kind == "extra_forbidden":
        *inside, name = problem.place
        owner = of if not inside else "this"
        text = f"{owner} has no such parameter; {near(name, _names_at(kind, given, inside))}"
    elif problem.kind == "missing":
        text = "this parameter is missing"
    field = ".".join(filter(None, (under, *problem.place)))
    return RecipeError(text, file=file, stage=stage, field=field or None)


def _names_at(kind: Any, given: Any, place: Sequence[str]) -> Collection[str]:
    """The names of the parameters at a place inside ``given``, which are those of a ``kind``.

    There may be another class at the place: the operator that it names by ``use``, or else the
    class that the field has.
    """
    from schemas import operator_class

    for part in place:
        given = given.get(part) if isinstance(given, Mapping) else None
        if isinstance(given, Mapping) and "use" in given:
            kind = operator_class(given["use"])
        elif part in kind.model_fields:
            annotation = kind.model_fields[part].annotation
            inner = (annotation, *get_args(annotation))
            kind = next((each for each in inner if hasattr(each, "model_fields")), kind)
    return list(kind.model_fields)


NAME_RULE = "a name is letters, digits and _"


def is_name(text: str) -> bool:
    """Whether ``text`` keeps `NAME_RULE`."""
    return text.isidentifier() and text.isascii()


def find_cause(error: BaseException, *kinds: type[BaseException]) -> BaseException | None:
    """The first error in the chain of ``error`` that was written for users.

    Args:
        error: The error that was caught.
        kinds: Types of errors for users, in addition to `FactoryError`.

    Returns:
        The error, or None if there is none.
    """
    return next((each for each in causes(error) if isinstance(each, (FactoryError, *kinds))), None)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The chain of ``error``: itself, then its cause or context, and so on."""
    # A chain can be circular: Dagster raises an error again while it handles it.
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


class SettingsError(FactoryError):
    """The configuration file is wrong, or an environment variable that overrides it."""
