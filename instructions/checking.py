"""Whether an answer fulfils its instruction: decided from the constraints in the reference."""

from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError

from schemas import Message
from schemas.wrong_values import what_is_wrong

from .constraints import Constraint
from .text import words

FEWEST_WORDS = 3
"""An answer of fewer words says nothing, and fulfils nothing."""

_CONSTRAINTS: TypeAdapter[tuple[Constraint, ...]] = TypeAdapter(tuple[Constraint, ...])


def written(constraints: Sequence[Constraint]) -> str:
    """Constraints as a reference: a JSON list, such as ``[{"kind": "sentences", "count": 1}]``."""
    return _CONSTRAINTS.dump_json(tuple(constraints)).decode()


def constraints_of(reference: str | None) -> tuple[Constraint, ...]:
    """The constraints in a reference.

    Raises:
        ValueError: the reference is missing or is no list of constraints.
    """
    problem = "no reference" if reference is None else unreadable(reference)
    if reference is None or problem is not None:
        raise ValueError(problem)
    return _CONSTRAINTS.validate_json(reference)


def unreadable(reference: str) -> str | None:
    """Why a reference cannot be read, or None if it can."""
    try:
        if _CONSTRAINTS.validate_json(reference):
            return None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return f"no list of constraints{f' ({place})' if place else ''}: {what_is_wrong(first)}"
    return "no constraint"


def unfulfilled(reference: str, text: str) -> list[Constraint]:
    """The constraints of a reference that the text breaks.

    Raises:
        ValueError: the reference cannot be read.
    """
    return [each for each in constraints_of(reference) if not each.met(text)]


def check(messages: Sequence[Message], reference: str | None, text: str) -> bool:
    """Whether the text fulfils every constraint of the reference, in at least three words.

    Raises:
        ValueError: the reference is missing or cannot be read.
    """
    constraints = constraints_of(reference)
    return len(words(text)) >= FEWEST_WORDS and all(each.met(text) for each in constraints)


check.readable = unreadable  # type: ignore[attr-defined]  # how any package marks its checks
