"""Errors that a user can act on: shown as they are, without a traceback."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path


class FactoryError(Exception):
    """Something the user asked for cannot be done; the message says what and what to do."""


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


def near(name: str, known: Iterable[str]) -> str:
    """A hint after an unknown name: what was probably meant, or what there is."""
    names = sorted(known)
    meant = get_close_matches(name, names, n=3, cutoff=0.5)
    if meant:
        return f"did you mean {' or '.join(map(repr, meant))}?"
    return f"there is {', '.join(map(repr, names))}" if names else "there is none"


def explained(error: BaseException, *kinds: type[BaseException]) -> BaseException | None:
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
