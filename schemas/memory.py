"""What a model needs in memory, and the message about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

_TIGHT = 0.9
"""A need of more than this share of the free memory is tight."""


@dataclass(frozen=True)
class Need:
    """What a model needs in memory, in bytes.

    Attributes:
        what: the model and what it is used for.
        parts: the need by what it is for.
        least: the need without which the model cannot be used. With less than all parts it has less
            in flight.
        free: the free memory.
        place: what memory: "memory" or that of a GPU.
        remedies: what to change so that it needs less.
        warnings: what else to say.
    """

    what: str
    parts: Mapping[str, int]
    least: int
    free: int
    place: str
    remedies: Sequence[str]
    warnings: Sequence[str] = ()

    @property
    def total(self) -> int:
        """All parts together."""
        return sum(self.parts.values())

    @property
    def tight(self) -> bool:
        """Whether little of the free memory would be left."""
        return self.total > _TIGHT * self.free

    @property
    def refusal(self) -> str | None:
        """Why the model cannot be used, and what to change; None if it can."""
        if self.least <= self.free:
            return None
        return (
            f"{self.what} does not fit: it needs at least {_gigabytes(self.least)} GB "
            f"({self._parts}) and {_gigabytes(self.free)} GB of {self.place} are free. Change one "
            f"of these: {'; '.join(self.remedies)}"
        )

    def __str__(self) -> str:
        text = (
            f"{self.what} needs {_gigabytes(self.total)} GB ({self._parts}); "
            f"{_gigabytes(self.free)} GB of {self.place} are free"
        )
        if self.tight:
            text += f". That is tight: change one of these: {'; '.join(self.remedies)}"
        return ". ".join([text, *self.warnings])

    @property
    def _parts(self) -> str:
        return ", ".join(f"{name} {_gigabytes(size)}" for name, size in self.parts.items() if size)

    def as_json(self) -> dict[str, JsonValue]:
        """The figures in GB, and their message, for a stage's metadata."""
        figures: dict[str, JsonValue] = {
            name: round(size / 1e9, 6) for name, size in self.parts.items()
        }
        return {"needs": figures, "free": round(self.free / 1e9, 3), "says": str(self)}


def _gigabytes(size: int) -> str:
    """Two digits, or all before the point."""
    return f"{size / 1e9:.0f}" if size >= 1e11 else f"{size / 1e9:.2g}"
