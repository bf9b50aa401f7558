"""Texts that were cut off at the limit of their tokens, and thoughts without an answer."""

from typing import Literal, Protocol

Cut = Literal["refuse", "read"]
"""What is done with a text that was cut off: it is refused, with the reason, or read as a whole."""


class Finished(Protocol):
    """A generation or a response, as far as this needs it."""

    @property
    def text(self) -> str: ...
    @property
    def finish(self) -> str: ...
    @property
    def tokens(self) -> int: ...
    @property
    def reasoning(self) -> str | None: ...


def cut_off(one: Finished, cut: Cut = "refuse") -> str | None:
    """Why ``one`` is not read, None where it is. A thought without an answer never is."""
    if without_answer(one):
        return no_answer(one)
    if one.finish == "length" and cut == "refuse":
        return f"cut off{_at(one)}"
    return None


def without_answer(one: Finished) -> bool:
    """Whether there is a thought and nothing after it."""
    return one.reasoning is not None and not one.text.strip()


def no_answer(one: Finished) -> str:
    """What is said of a thought without an answer."""
    if one.finish == "length":
        return f"the thought was cut off{_at(one)}: there is no answer"
    return "there is no answer after the thought"


def _at(one: Finished) -> str:
    return f" at {one.tokens:,} tokens" if one.tokens else ""
