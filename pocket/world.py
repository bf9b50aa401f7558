"""What a problem of the pocket world is: an owner, things, and events in the order they happen."""

from dataclasses import dataclass
from typing import Literal, get_args

VERSION = "1"
"""Version of the world: raised when a seed would give another problem, or a text another truth."""

Kind = Literal["has", "packs", "gains", "loses", "doubles", "halves", "bags", "other"]
"""What an event does to the owner's things. `has` and `packs` (bags x items) only ever come first;
`other` tells of things that belong to somebody else, and changes nothing."""

KINDS: tuple[Kind, ...] = get_args(Kind)

NAMES = (
    "Mia", "Tom", "Ada", "Ben", "Eva", "Max", "Zoe", "Leo", "Ivy", "Sam",
    "Nina", "Paul", "Rosa", "Otto", "Lena", "Hugo", "Clara", "Felix", "Greta", "Oscar",
)  # fmt: skip
THINGS = (
    "apples", "pears", "coins", "books", "cards", "shells", "stamps", "pens",
    "eggs", "cakes", "balls", "stones", "toys", "keys", "plums", "nuts",
)  # fmt: skip
BAGS = ("bags", "boxes", "jars", "baskets")


@dataclass(frozen=True, slots=True)
class Event:
    """One sentence of a problem. Of its numbers, those its kind does not use are 0 (or "")."""

    kind: Kind
    n: int = 0
    """How many things; for `packs` and `bags`, how many bags."""
    each: int = 0
    """How many things are in each bag."""
    who: str = ""
    """Whose things they are, for `other`: never the owner."""
    form: int = 0
    """Which of the kind's surface forms says it (see `wording`)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """How many `thing` does `owner` have after all `events`?"""

    owner: str
    thing: str
    events: tuple[Event, ...]
    bag: str = ""
    """What things are packed in; "" where nothing is packed."""
    form: int = 0
    """Which of the question's surface forms asks it."""
