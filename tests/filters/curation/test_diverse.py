"""The rows that are kept are as far from each other as greed can choose them."""

import json
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import Best, Diverse, RandomPairs
from filters.curation.diverse import farthest_first
from filters.curation.embedding import bag_of_words, unit
from schemas import content_id


def slowly(vectors, n):
    """Greedy max-min, comparing all with all chosen at every step."""
    chosen = [0]
    while len(chosen) < n:
        closest = {
            row: max(round(float(vectors[row] @ vectors[other]), 5) for other in chosen)
            for row in range(len(vectors))
            if row not in chosen
        }
        chosen.append(min(closest, key=lambda row: (closest[row], row)))
    return chosen


# Whole numbers, so that cosines of different machines and loops are the same floats.
drawn = st.lists(
    st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=9
).flatmap(lambda rows: st.tuples(st.just(rows), st.integers(1, len(rows))))


@given(drawn=drawn)
def test_farthest_first_equals_the_slow_version(drawn):
    rows, n = drawn
    vectors = np.array(rows, dtype=np.float32)
    chosen, nearest, similarity = farthest_first(vectors, n)
    assert chosen.tolist() == slowly(vectors, n)
    for row in range(len(rows)):
        cosines = {other: float(vectors[row] @ vectors[other]) for other in chosen.tolist()}
        assert similarity[row] == max(cosines.values())
        assert cosines[nearest[row]] == similarity[row]


@pytest.mark.parametrize("seed", range(5))
def test_no_row_is_farther_than_twice_what_n_rows_could_reach(seed):
    vectors = unit(np.random.default_rng(seed).normal(size=(9, 3)))
    distances = np.sqrt(np.maximum(0, 2 - 2 * vectors @ vectors.T))

    def radius(chosen):
        return distances[:, list(chosen)].min(axis=1).max()

    for n in (1, 2, 3):
        least = min(radius(some) for some in combinations(range(9), n))
        assert radius(farthest_first(vectors, n)[0]) <= 2 * least + 1e-6


texts = st.lists(
    st.lists(
        st.sampled_from(["apple", "pear", "plum", "and", "2", "+"]), min_size=1, max_size=6
    ).map(" ".join),
    max_size=9,
)


@given(texts=texts, n=st.integers(1, 6), seed=st.integers(0, 5))
def test_rows_are_chosen_in_the_order_of_lots(texts, n, seed, written, shuffled, same_rows):
    frame = written(texts)
    split = Diverse(of="r", n=n, seed=seed).run({"r": frame})
    order = sorted(range(len(texts)), key=lambda row: content_id(seed, f"r{row}"))
    vectors = bag_of_words(pl.Series([texts[row] for row in order], dtype=pl.String))
    kept = {order[place] for place in slowly(vectors, min(n, len(texts)))} if texts else set()
    assert split.kept["response_id"].to_list() == [f"r{row}" for row in sorted(kept)]
    assert split.kept.height + split.dropped.height == len(texts)
    other = Diverse(of="r", n=n, seed=seed).run(shuffled({"r": frame}, seed))
    assert same_rows(split.kept, other.kept, "response_id")
    assert same_rows(split.dropped, other.dropped, "row_id")


def test_copies_go_first_and_name_the_row_that_is_kept(written):
    texts = ["a pear", "a pear", "two plums", "two plums", "4 + 4"]
    split = Diverse(of="r", n=3).run({"r": written(texts)})
    assert sorted(split.kept["text"]) == ["4 + 4", "a pear", "two plums"]
    for row, row_numbers in split.dropped.select("row_id", "numbers").rows():
        numbers = json.loads(row_numbers)
        assert numbers["similarity"] == 1
        assert texts[int(numbers["most_like"][1:])] == texts[int(row[1:])]


def test_a_share_is_rounded_up_and_every_table_is_taken(world, static_embedder):
    made = world({f"p{i}": [(f"say {i}", [1.0]), (f"tell {i}", [0.0])] for i in range(10)})
    made["pairs"] = RandomPairs(of="responses").run(made).kept
    made["shown"] = Best(of="responses", by="scores").run(made).kept
    for stage in ("prompts", "pairs", "shown"):
        assert Diverse(of=stage, share=0.3).run(made).kept.height == 3
        assert Diverse(of=stage, share=0.31).run(made).kept.height == 4
    embedder = static_embedder({"say": [1, 0], "tell": [0, 1], "[UNK]": [0, 0]})
    kept = Diverse(of="responses", n=2, embedder=embedder).run(made).kept
    assert sorted(text.split()[0] for text in kept["text"]) == ["say", "tell"]


@pytest.mark.parametrize("fields", [{}, {"n": 2, "share": 0.5}])
def test_one_size_must_be_given(fields):
    with pytest.raises(ValueError, match="either 'n' or 'share'"):
        Diverse(of="r", **fields)
