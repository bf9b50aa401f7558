"""What the journal gives back is what was put in."""

import math

from hypothesis import given
from hypothesis import strategies as st

from engines.answers import (
    pack_choice,
    pack_generation,
    pack_scored,
    unpack_choice,
    unpack_generation,
    unpack_scored,
)
from engines.protocol import Generation, Scored

tokens = st.lists(st.integers(0, 2**32 - 1), max_size=8).map(tuple)
floats = st.floats(max_value=0, width=32)
any_text = st.text(st.characters(), max_size=20)  # halves of surrogate pairs among them


@given(
    any_text, tokens, st.lists(floats, max_size=8).map(tuple), st.sampled_from(["stop", "length"])
)
def test_generations(
    text: str, ids: tuple[int, ...], logprobs: tuple[float, ...], end: str
) -> None:
    generation = Generation(text, ids, logprobs, end)  # type: ignore[arg-type]  # one of the two
    assert unpack_generation(pack_generation(generation)) == generation


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), floats), max_size=8))
def test_scores(pairs: list[tuple[int, float]]) -> None:
    scored = Scored(tuple(one for one, _ in pairs), tuple(other for _, other in pairs))
    assert unpack_scored(pack_scored(scored)) == scored


@given(st.lists(st.floats(max_value=0), max_size=5).map(tuple))
def test_choices(logprobs: tuple[float, ...]) -> None:
    assert unpack_choice(pack_choice(logprobs)) == logprobs


def test_a_score_that_is_no_number_is_still_none() -> None:
    assert math.isnan(unpack_scored(pack_scored(Scored((1,), (math.nan,)))).logprobs[0])
