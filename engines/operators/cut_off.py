"""Texts that were cut off at the limit of their tokens, and thoughts without an answer."""

from typing import Literal, Protocol

Cut = Literal["refuse", "read"]
"""How a text that was cut off is treated: refused with a reason, or read as if it were complete."""


class Finished(Protocol):
    """A generation or a response, with the fields that are needed here."""

    @property
    def text(self) -> str: ...
    @property
    def finish(self) -> str: ...
    @property
    def tokens(self) -> int: ...
    @property
    def reasoning(self) -> str | None: ...


def cut_off(text: Finished, cut: Cut = "refuse") -> str | None:
    """Why ``text`` is not read; None if it is. A thought without an answer is never read."""
    if without_answer(text):
        return no_answer(text)
    if text.finish == "length" and cut == "refuse":
        return f"cut off{_at(text)}"
    return None


def without_answer(text: Finished) -> bool:
    """Whether there is a thought and nothing after it."""
    return text.reasoning is not None and not text.text.strip()


def no_answer(text: Finished) -> str:
    """The reason for a thought without an answer."""
    if text.finish == "length":
        return f"the thought was cut off{_at(text)}: there is no answer"
    return "there is no answer after the thought"


def _at(text: Finished) -> str:
    return f" at {text.tokens:,} tokens" if text.tokens else ""
