"""ConvexAugmentation: misspelt copies of pairs, the outermost of many."""

import random

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from filters import ConvexAugmentation
from filters.pairs.convex_augmentation import corners, misspelt
from schemas import Pairs, rows

CHOSEN = "Altogether there are 15 pieces of fruit on the table."


def turn(role: str, content: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content}]


def pairs(*ids: str, said: str = "Anna buys 12 apples and 3 pears at the market.") -> pl.DataFrame:
    return rows(
        Pairs,
        [
            {
                "pair_id": name,
                "prompt_id": name,
                "prompt": [*turn("system", "Be brief."), *turn("user", said)],
                "chosen": turn("assistant", CHOSEN),
                "rejected": turn("assistant", "There are 12 pieces of fruit."),
                "chosen_id": f"{name}-1",
                "rejected_id": f"{name}-2",
                "weight": 0.75,
            }
            for name in ids
        ],
    )


def test_each_pair_stays_and_its_copies_differ_in_the_chosen_spelling_alone() -> None:
    given_pairs = pairs("p", "q")
    split = ConvexAugmentation(of="pairs", share=0.5).run({"pairs": given_pairs})
    assert split.dropped.is_empty()
    assert split.kept.filter(pl.col("pair_id").is_in(["p", "q"])).equals(given_pairs)
    copies = split.kept.filter(~pl.col("pair_id").is_in(["p", "q"]))
    assert 4 <= copies.height <= 10
    for copy in copies.rows(named=True):
        said = copy["chosen"][0]["content"]
        assert said != CHOSEN
        assert sorted(said) == sorted(CHOSEN)
        assert "15" in said
        assert (copy["weight"], copy["chosen_id"]) == (0.75, f"{copy['prompt_id']}-1")
    same = ["prompt", "rejected", "rejected_id"]
    assert copies.select("prompt_id", *same).unique().height == 2
    assert not copies["chosen"].is_duplicated().any(), "two copies of a pair are one"


def test_draws_depend_on_the_pair_alone() -> None:
    operator = ConvexAugmentation(of="pairs", share=0.5)
    alone = operator.run({"pairs": pairs("q")}).kept
    among = operator.run({"pairs": pairs("p", "q", "r")}).kept
    assert among.filter(prompt_id="q").equals(alone)
    other = operator.model_copy(update={"seed": 1}).run({"pairs": pairs("q")}).kept
    assert not other.equals(alone)


def test_what_has_no_word_has_no_copy() -> None:
    wordless = pairs("p", said="1 + 1?").with_columns(
        chosen=pl.Series([turn("assistant", "2")]), rejected=pl.Series([turn("assistant", "3")])
    )
    assert ConvexAugmentation(of="pairs", share=1).run({"pairs": wordless}).kept[
        "pair_id"
    ].to_list() == ["p"]


@given(st.text(max_size=40), st.integers(0, 9), st.sampled_from([0.1, 1.0]))
def test_letters_change_places_and_nothing_else(text: str, seed: int, share: float) -> None:
    (found,) = misspelt(turn("user", text), share, random.Random(seed))
    assert sorted(found["content"]) == sorted(text)
    assert [c for c in found["content"] if not c.isalpha()] == [c for c in text if not c.isalpha()]


POINTS = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, unique=True)


@given(POINTS.filter(lambda points: np.linalg.matrix_rank(np.subtract(points, points[0])) == 2))
def test_corners_are_those_of_qhull(points: list[tuple[int, int]]) -> None:
    plane = np.array(points, dtype=np.float32)
    assert corners(plane) == sorted(ConvexHull(plane).vertices.tolist())


def test_of_rows_on_a_line_the_ends_are_corners() -> None:
    assert corners(np.array([[1, 1], [3, 3], [2, 2]], dtype=np.float32)) == [0, 1]
    assert corners(np.array([[1, 1]], dtype=np.float32)) == [0]
    assert corners(np.zeros((0, 2), dtype=np.float32)) == []
