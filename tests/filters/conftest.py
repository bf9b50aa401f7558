"""Small worlds of prompts, responses and scores, written by hand or drawn by Hypothesis."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import strategies as st

from schemas import Prompts, Responses, Scores, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}

World = dict[str, pl.DataFrame]


def make_world(answers: Mapping[str, Sequence[tuple[str, Sequence[float | None]]]]) -> World:
    """Stages ``prompts``, ``responses`` and ``scores``: for each prompt its responses, each a text
    and one annotator's opinions of it; None is an opinion that could not be read."""
    written: list[dict[str, Any]] = []
    opinions: list[dict[str, Any]] = []
    for prompt, responses in answers.items():
        for place, (text, values) in enumerate(responses):
            response = f"{prompt}-{place}"
            written.append(
                {
                    "response_id": response,
                    "prompt_id": prompt,
                    "text": text,
                    "finish": "stop",
                    "tokens": 1,
                    "origin": ORIGIN,
                }
            )
            opinions += [
                {
                    "response_id": response,
                    "annotator": f"vote {vote}",
                    "value": value,
                    "error": None if value is not None else "unreadable",
                    "origin": ORIGIN,
                }
                for vote, value in enumerate(values)
            ]
    asked = [
        {
            "prompt_id": prompt,
            "messages": [{"role": "user", "content": f"question {prompt}"}],
            "source": "test",
            "source_revision": "1",
            "licence": "MIT",
        }
        for prompt in answers
    ]
    return {
        "prompts": rows(Prompts, asked),
        "responses": rows(Responses, written),
        "scores": rows(Scores, opinions),
    }


# Few different values and texts, so that ties, equal texts and errors are common.
values = st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0, -2.5, None])
responses = st.tuples(st.sampled_from(["4", "5", " 5", "six"]), st.lists(values, max_size=3))
drawn_worlds = st.dictionaries(
    st.sampled_from("abcdef"), st.lists(responses, min_size=1, max_size=5), max_size=4
).map(make_world)


@pytest.fixture(scope="session")
def world() -> Callable[..., World]:
    """`make_world`."""
    return make_world


@pytest.fixture(scope="session")
def worlds() -> st.SearchStrategy[World]:
    """Worlds drawn by Hypothesis."""
    return drawn_worlds


@pytest.fixture(scope="session")
def shuffled() -> Callable[[World, int], World]:
    """The same rows of every stage in another order."""
    return lambda world, seed: {
        name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in world.items()
    }


@pytest.fixture(scope="session")
def same_rows() -> Callable[[pl.DataFrame, pl.DataFrame, str], bool]:
    """Whether two frames hold the same rows, whatever their order."""
    return lambda a, b, key: a.sort(key).equals(b.sort(key))
