"""What a project cannot use: declarations that are wrong, or that its models or sources do not fit.

A refused declaration stops no other. Commands and the UI list it with its error.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from assets.config.errors import FactoryError, RecipeError, UnfitError
from schemas.near import near

Declared = TypeVar("Declared")

REFUSED = "refused"
"""The group of refused declarations in the UI, and the first part of their keys."""
ROLE = "role"
"""The kind of a binding in ``factory.yaml``."""
FILE = "file"
"""The kind of a refusal if the file does not say what it declares."""


@dataclass(frozen=True)
class Refusal:
    """A declaration that cannot be used.

    Attributes:
        kind: ``recipe``, ``source``, ``dataset``, ``model``, ``role`` or `FILE`.
        name: Its name, or that of its folder if the file does not say.
        file: The file that declares it.
        error: What is wrong, and what to do.
    """

    kind: str
    name: str
    file: Path | str
    error: RecipeError

    @property
    def is_broken(self) -> bool:
        """Whether something is wrong in a file. Otherwise the project lacks what it needs: a model
        for a role, or a source with a check."""
        return not isinstance(self.error, UnfitError)

    def as_json(self) -> dict[str, Any]:
        """The object that ``factory validate --json`` prints."""
        return {
            "kind": self.kind,
            "name": self.name,
            "file": str(self.file),
            "stage": self.error.stage,
            "field": self.error.field,
            "broken": self.is_broken,
            "error": str(self.error),
        }


class Declarations(dict[str, Declared]):
    """The declarations of one kind by name.

    Attributes:
        kind: The kind, such as ``recipe``.
        refused: Why a name that is not in here cannot be used.
        unread: Names that are declared, but that nothing needed.
    """

    def __init__(self, kind: str, refusals: Iterable[Refusal] = ()) -> None:
        super().__init__()
        self.kind = kind
        self.unread: Collection[str] = ()
        refused = [each for each in refusals if each.kind in (kind, FILE)]
        self.refused = {each.name: each.error for each in refused}
        self._unreadable = {each.name for each in refused if each.kind == FILE}

    @property
    def names(self) -> set[str]:
        """All names, also those that cannot be used."""
        return {*self, *self.refused, *self.unread}

    def missing(self, name: str) -> str:
        """The message about a name that is not in here: it cannot be used, or there is none."""
        if name in self.refused:
            return f"{self.kind} {name!r} cannot be used: {self.refused[name]}"
        # A file that cannot be read may declare something of another kind.
        return f"there is no {self.kind} {name!r}; {near(name, self.names - self._unreadable)}"


@contextmanager
def as_recipe_error(file: Path | str, *, stage: str | None = None) -> Iterator[None]:
    """Raise the errors of classes that ``file`` names, of any type, as errors of the file.

    Raises:
        RecipeError: The error.
        FactoryError: The configuration is wrong as a whole.
    """
    try:
        yield
    except FactoryError:
        raise
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise RecipeError(problem, file=file, stage=stage) from error
