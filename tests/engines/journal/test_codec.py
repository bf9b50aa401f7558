"""What the journal gives back is what was put in."""

import math
import struct
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from engines.journal.codec import (
    pack_choice,
    pack_generation,
    pack_scored,
    unpack_choice,
    unpack_generation,
    unpack_scored,
)
from engines.protocol import Choice, Generation, Scored

tokens = st.lists(st.integers(0, 2**32 - 1), max_size=8).map(tuple)
floats = st.floats(max_value=0, width=32)
any_text = st.text(st.characters(), max_size=20)  # halves of surrogate pairs among them


@given(
    any_text,
    tokens,
    st.lists(floats, max_size=8).map(tuple),
    st.sampled_from(["stop", "length"]),
    st.none() | any_text,
    st.none() | st.integers(0, 2**32 - 1),
)
def test_generations(
    text: str,
    ids: tuple[int, ...],
    logprobs: tuple[float, ...],
    end: Literal["stop", "length"],
    reasoning: str | None,
    counted: int | None,
) -> None:
    generation = Generation(text, ids, logprobs, end, reasoning=reasoning, counted=counted)
    assert unpack_generation(pack_generation(generation)) == generation


def test_answers_of_a_journal_from_before_there_were_thoughts() -> None:
    before = struct.pack("<BII2I2f", 1, 2, 2, 7, 8, -0.5, -1.0) + "<think>é".encode()
    generation = Generation("<think>é", (7, 8), (-0.5, -1.0), "length")
    assert unpack_generation(before) == generation
    assert pack_generation(generation) == before


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), floats), max_size=8))
def test_scores(pairs: list[tuple[int, float]]) -> None:
    scored = Scored(tuple(one for one, _ in pairs), tuple(other for _, other in pairs))
    assert unpack_scored(pack_scored(scored)) == scored


@given(st.lists(st.floats(max_value=0), max_size=5).map(tuple), st.none() | floats)
def test_choices(logprobs: tuple[float, ...], mass: float | None) -> None:
    choice = Choice(logprobs, mass)
    assert unpack_choice(pack_choice(choice)) == choice


def test_a_choice_of_an_earlier_version_has_no_mass() -> None:
    assert unpack_choice(struct.pack("<3d", -1.0, -2.0, -0.5)) == Choice((-1.0, -2.0, -0.5), None)


def test_a_score_that_is_no_number_is_still_none() -> None:
    assert math.isnan(unpack_scored(pack_scored(Scored((1,), (math.nan,)))).logprobs[0])
