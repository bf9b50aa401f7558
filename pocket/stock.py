"""A closed corpus, and the tools that read it and calculate.

The corpus says how many things each shop puts in a bag. A stocked problem leaves that out: it must
be looked up. A fact belongs to a split as a text does, so facts of held-out problems are not seen
in training.
"""

import random
import re
from dataclasses import replace
from hashlib import sha256

from .problems import Split, split_of
from .programs import evaluate
from .wording import read, render
from .world import BAGS, NAMES, THINGS, VERSION, Event, Problem

_WORDS = {"bag": BAGS, "thing": THINGS, "shop": NAMES}
_KEY = "(?P<bag>{bag}) of (?P<thing>{thing}) from (?P<shop>{shop})".format(
    **{name: "|".join(words) for name, words in _WORDS.items()}
)
_LEFT_OUT = re.compile(_KEY)
_CALL = re.compile(r"(?P<tool>\w+)\((?P<given>.*)\)")
NO_SUCH = "error: nothing is known of that"


def holds(bag: str, thing: str, shop: str) -> int:
    """How many things a shop puts in a bag, 2 to 9."""
    return 2 + sha256(f"{VERSION} {bag} {thing} {shop}".encode()).digest()[0] % 8


def fact(bag: str, thing: str, shop: str) -> str:
    """The sentence of the corpus that says it."""
    return f"{shop} puts {holds(bag, thing, shop)} {thing} in each of the {bag}."


def facts(split: Split) -> list[tuple[str, str, str]]:
    """Bag, thing and shop of each fact of a split."""
    every = ((bag, thing, shop) for bag in BAGS for thing in THINGS for shop in NAMES)
    return [each for each in every if split_of(fact(*each)) == split]


def stocked(problem: Problem, rng: random.Random, split: Split = "train") -> str | None:
    """The text of a problem without the contents of its bags; None where that cannot be.

    It can where there are bags, and a shop whose fact is of the split has as many in each.
    """
    text = render(replace(problem, events=tuple(map(_first_form, problem.events))))
    packed = [event for event in problem.events if event.kind in ("packs", "bags")]
    for event in packed:
        shops = [
            shop
            for shop in NAMES
            if shop != problem.owner
            and holds(problem.bag, problem.thing, shop) == event.each
            and split_of(fact(problem.bag, problem.thing, shop)) == split
        ]
        if not shops:
            return None
        full = f"{problem.bag} of {event.each} {problem.thing}"
        text = text.replace(full, f"{problem.bag} of {problem.thing} from {rng.choice(shops)}", 1)
    return text if packed else None


def read_stocked(text: str) -> Problem | None:
    """The problem of a stocked text, with what the corpus says put in."""
    return read(_LEFT_OUT.sub(_filled, text))


def call(text: str) -> str | None:
    """The reply of a tool to a call, `calc(12 + 7)` or `look(bags of pens from Mia)`.

    None for a text that is no call; "error: ..." where the tool cannot answer.
    """
    match = _CALL.fullmatch(text.strip())
    if match is None:
        return None
    match match["tool"]:
        case "calc":
            try:
                return str(evaluate(match["given"]))
            except ValueError as error:
                return f"error: {error}"
        case "look":
            key = _LEFT_OUT.fullmatch(match["given"])
            return str(holds(**key.groupdict())) if key else NO_SUCH
        case _:
            return "error: there is no such tool"


def _filled(key: re.Match[str]) -> str:
    return f"{key['bag']} of {holds(**key.groupdict())} {key['thing']}"


def _first_form(event: Event) -> Event:
    return replace(event, form=0) if event.kind in ("packs", "bags") else event
