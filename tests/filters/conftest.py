"""Small worlds of prompts, responses and scores, written by hand or drawn by Hypothesis."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from schemas import Pairs, Prompts, Responses, Scores, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}

World = dict[str, pl.DataFrame]


def make_world(answers: Mapping[str, Sequence[tuple[str, Sequence[float | None]]]]) -> World:
    """Stages ``prompts``, ``responses`` and ``scores``: for each prompt its responses, each a text
    and one annotator's opinions of it; None is an opinion that could not be read."""
    written: list[dict[str, Any]] = []
    mean_scores: list[dict[str, Any]] = []
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
            mean_scores += [
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
        "scores": rows(Scores, mean_scores),
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


VIEWS = ("one", "two", "three")


def make_pairs(
    pairs: Sequence[tuple[str, str]], views: Mapping[str, Mapping[str, Sequence[float | None]]]
) -> World:
    """Stage ``pairs`` of (chosen id, rejected id), one prompt each, and the stages of scores that
    ``views`` names: for each response its opinions, every one by an annotator of its own."""
    labelled = [
        {
            "pair_id": f"pair {number}",
            "prompt_id": f"prompt {number}",
            "prompt": [{"role": "user", "content": f"question {number}"}],
            "chosen": [{"role": "assistant", "content": f"says {chosen}"}],
            "rejected": [{"role": "assistant", "content": f"says {rejected}"}],
            "chosen_id": chosen,
            "rejected_id": rejected,
            "margin": None if number % 3 == 0 else number / 10,
            "weight": 1.0,
            "token_weights": None
            if number % 2
            else {"chosen": [float(number)], "rejected": [0.0, 1.0]},
        }
        for number, (chosen, rejected) in enumerate(pairs)
    ]
    return {"pairs": rows(Pairs, labelled)} | {
        view: rows(
            Scores,
            [
                {
                    "response_id": response,
                    "annotator": f"pass {number}",
                    "value": value,
                    "error": None if value is not None else "unreadable",
                    "origin": ORIGIN,
                }
                for response, values in mean_scores.items()
                for number, value in enumerate(values)
            ],
        )
        for view, mean_scores in views.items()
    }


@st.composite
def drawn_pairs(draw: st.DrawFn, values: st.SearchStrategy[float | None], most: int = 1) -> World:
    """Pairs of a few responses, and three stages that scored some of these up to ``most`` times."""
    responses = "abcdefg"
    sides = st.lists(st.sampled_from(responses), min_size=2, max_size=2, unique=True).map(tuple)
    mean_scores = st.dictionaries(st.sampled_from(responses), st.lists(values, max_size=most))
    return make_pairs(
        draw(st.lists(sides, max_size=6)), {view: draw(mean_scores) for view in VIEWS}
    )


@pytest.fixture(scope="session")
def paired() -> Callable[..., World]:
    """`make_pairs`."""
    return make_pairs


@pytest.fixture(scope="session")
def pairings() -> Callable[..., st.SearchStrategy[World]]:
    """`drawn_pairs`: worlds of pairs drawn by Hypothesis, of the values that are asked for."""
    return drawn_pairs


def responses_saying(texts: Sequence[str], prompts: Sequence[str] | None = None) -> pl.DataFrame:
    """Responses r0, r1, … that say ``texts``, to prompt ``p`` or to ``prompts``."""
    common = {"finish": "stop", "tokens": 1, "origin": ORIGIN}
    asked = prompts or ["p"] * len(texts)
    return rows(
        Responses,
        [
            {"response_id": f"r{number}", "prompt_id": prompt, "text": text, **common}
            for number, (text, prompt) in enumerate(zip(texts, asked, strict=True))
        ],
    )


def pairs_saying(
    sides: Sequence[tuple[str, str]], margins: Sequence[float | None] | None = None
) -> pl.DataFrame:
    """Pairs x0, x1, … of a chosen and a rejected text, each to a prompt p0, p1, … of its own."""
    return rows(
        Pairs,
        [
            {
                "pair_id": f"x{number}",
                "prompt_id": f"p{number}",
                "prompt": [{"role": "user", "content": f"question {number}"}],
                "chosen": [{"role": "assistant", "content": chosen}],
                "rejected": [{"role": "assistant", "content": rejected}],
                "chosen_id": f"c{number}",
                "rejected_id": f"r{number}",
                "margin": margins[number] if margins else None,
                "weight": 1.0,
            }
            for number, (chosen, rejected) in enumerate(sides)
        ],
    )


@pytest.fixture(scope="session")
def written() -> Callable[..., pl.DataFrame]:
    """`responses_saying`."""
    return responses_saying


@pytest.fixture(scope="session")
def compared() -> Callable[..., pl.DataFrame]:
    """`pairs_saying`."""
    return pairs_saying


@pytest.fixture
def static_embedder(tmp_path: Path) -> Callable[[Mapping[str, Sequence[float]]], str]:
    """Writes a model2vec embedder of the words and vectors that are given: its folder."""

    def write(vectors: Mapping[str, Sequence[float]]) -> str:
        from model2vec import StaticModel

        vocabulary = {word: number for number, word in enumerate(vectors)}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        rows = np.array(list(vectors.values()), dtype=np.float32)
        StaticModel(rows, tokenizer).save_pretrained(tmp_path / "embedder")
        return str(tmp_path / "embedder")

    return write
