"""Nothing that a model wrote moves a cursor or changes a colour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.printable import printable

ATTACKS = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x1b]52;c;cHduZWQ=\x07",
    "\x1b]8;;http://x\x1b\\click\x1b]8;;\x1b\\",
    "\x9b31m",
    "\x90q\x9c",
    "over\rwritten",
    "\b\b\b",
    "\x7f",
    "a\u202ereversed",
    "\u2066isolated\u2069",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_control_characters_are_spelled_out(attack: str) -> None:
    shown = printable(f"before {attack} after")
    assert not any(character in shown for character in attack if not character.isprintable())
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@given(text=st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs"])))
def test_other_text_is_shown_as_it_is(text: str) -> None:
    assert printable(f"{text}\n\t{text}") == f"{text}\n\t{text}"
