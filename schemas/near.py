"""The hint after a name that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 40
"""The most names that are listed."""


def similar(name: str, options: Iterable[str]) -> list[str]:
    """At most three names of ``options`` that are spelled like ``name``, the most similar first."""
    return get_close_matches(name, sorted(options), n=3, cutoff=0.6)


def near(name: str, options: Iterable[str]) -> str:
    """A hint after an unknown name: similar known names, or else all known names, if they are no
    more than `MOST`."""
    names = sorted(options)
    if meant := similar(name, names):
        return f"did you mean {' or '.join(map(repr, meant))}?"
    if len(names) > MOST:
        return f"none of the {len(names)} that there are is spelled like it"
    return f"there is {', '.join(map(repr, names))}" if names else "there is none"
