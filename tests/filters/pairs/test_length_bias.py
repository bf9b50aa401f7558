"""Length no longer tells which side was chosen, at the price of as few pairs as can be."""

import json
import random
from functools import partial
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import LengthBias
from filters.pairs.length_bias import PER_STRATUM, length_slope, longer_share
from schemas import content_id

lengths = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=25)


def pairs_of(compared, lengths, margins=None):
    return compared([("c" * chosen, "r" * rejected) for chosen, rejected in lengths], margins)


def fewest_to_drop(longer, shorter, share):
    """Tries 0, 1, 2, … until the longer ones are at most ``share``."""
    for count in range(longer + 1):
        left = longer - count
        if left <= share * (left + shorter) + 1e-9:
            return count
    return longer


@given(lengths=lengths, tolerance=st.sampled_from([0.0, 0.1, 0.25]), seed=st.integers(0, 3))
def test_balancing_drops_as_few_as_can_be(lengths, tolerance, seed, compared):
    frame = pairs_of(compared, lengths)
    bias = LengthBias(of="pairs", tolerance=tolerance, strata=1, seed=seed)
    split = bias.run({"pairs": frame})
    longer = [f"x{i}" for i, (chosen, rejected) in enumerate(lengths) if chosen > rejected]
    shorter = sum(chosen < rejected for chosen, rejected in lengths)
    fewest = fewest_to_drop(len(longer), shorter, 0.5 + tolerance)
    lots = sorted(longer, key=lambda pair: content_id(seed, pair))
    assert set(split.dropped["row_id"]) == set(lots[len(lots) - fewest :])
    assert split.kept.equals(
        frame.filter(~pl.col("pair_id").is_in(split.dropped["row_id"].implode()))
    )
    after = longer_share(split.kept)
    assert after is None or after <= 0.5 + tolerance + 1e-9


def slowly(lengths, margins, *, max_ratio, debias, strata, tolerance, seed):
    """The reason of each pair that goes, pair by pair and stratum by stratum."""
    reasons = {}
    apart = {f"x{i}": chosen - rejected for i, (chosen, rejected) in enumerate(lengths)}
    for pair, (chosen, rejected) in zip(apart, lengths, strict=True):
        if max(chosen, rejected) > max_ratio * min(chosen, rejected):
            reasons[pair] = "one side far longer"
    known = {pair: margins[int(pair[1:])] for pair in apart if pair not in reasons}
    known = {pair: margin for pair, margin in known.items() if margin is not None}
    if debias:
        squares = sum(apart[pair] ** 2 for pair in known)
        slope = sum(margin * apart[pair] for pair, margin in known.items()) / max(squares, 1)
        for pair, margin in known.items():
            if margin - slope * apart[pair] <= 0:
                reasons[pair] = "length explains the margin"
    differ = [pair for pair in apart if apart[pair] and pair not in reasons]
    count = min(strata, max(1, len(differ) // PER_STRATUM))
    parts = [[] for _ in range(count)]
    for pair in differ:
        below = sum(abs(apart[other]) < abs(apart[pair]) for other in differ)
        parts[below * count // len(differ)].append(pair)
    for part in parts:
        longer = sorted((pair for pair in part if apart[pair] > 0), key=partial(content_id, seed))
        fewest = fewest_to_drop(len(longer), len(part) - len(longer), 0.5 + tolerance)
        for pair in longer[len(longer) - fewest :]:
            reasons[pair] = "chosen longer too often"
    return reasons


@pytest.mark.parametrize("seed", range(12))
def test_equals_the_slow_version(seed, compared):
    draw = random.Random(seed)
    drawn = [(draw.randint(1, 12), draw.randint(1, 9)) for _ in range(draw.randint(30, 120))]
    margins = [draw.choice([None, draw.gauss(0.5, 1)]) for _ in drawn]
    options = {
        "max_ratio": draw.choice([3.0, 6.0]),
        "debias": draw.random() < 0.5,
        "strata": draw.randint(1, 5),
        "tolerance": draw.choice([0.0, 0.1]),
        "seed": seed,
    }
    frame = pairs_of(compared, drawn, margins)
    split = LengthBias(of="pairs", **options).run({"pairs": frame})
    assert dict(split.dropped.select("row_id", "reason").rows()) == slowly(
        drawn, margins, **options
    )
    assert split.kept.height + split.dropped.height == len(drawn)


@given(lengths=lengths, seed=st.integers(0, 9))
def test_order_of_rows_changes_nothing(lengths, seed, compared, shuffled, same_rows):
    draw = random.Random(seed)
    tables = {"pairs": pairs_of(compared, lengths, [draw.random() for _ in lengths])}
    bias = LengthBias(of="pairs", max_ratio=3, debias=True)
    one, other = bias.run(tables), bias.run(shuffled(tables, seed))
    assert same_rows(one.kept, other.kept, "pair_id")
    assert same_rows(one.dropped, other.dropped, "row_id")
    assert one.kept.height + one.dropped.height == len(lengths)


def test_every_stratum_is_balanced_and_their_number_follows_the_pairs(compared):
    draw = random.Random(0)
    # Far longer ones nearly always win, slightly longer ones never: balanced only if not looked at
    # closely.
    little = [(5, 6) for _ in range(60)]
    great = [(9 + draw.randrange(9), 1) if draw.random() < 0.9 else (1, 15) for _ in range(60)]
    frame = pairs_of(compared, little + great)
    assert longer_share(frame) < 0.5
    assert LengthBias(of="pairs", strata=1).run({"pairs": frame}).dropped.is_empty()
    kept = LengthBias(of="pairs", strata=2).run({"pairs": frame}).kept
    far = kept.filter(pl.col("chosen").list.first().struct.field("content").str.len_chars() != 5)
    assert longer_share(far) <= 0.5
    assert kept.height - far.height == 60
    few = frame.head(PER_STRATUM // 2)
    assert LengthBias(of="pairs", strata=9).run({"pairs": few}).dropped.is_empty()


def test_a_side_far_longer_goes_and_the_numbers_say_the_share_before_and_after(compared):
    frame = pairs_of(compared, [(9, 3), (10, 3), (3, 10), (2, 2), (4, 5), (5, 4)])
    context = SimpleNamespace(stage="even")
    split = LengthBias(of="pairs", max_ratio=3, balance=False).run({"pairs": frame}, context)
    assert dict(split.dropped.select("row_id", "reason").rows()) == {
        "x1": "one side far longer",
        "x2": "one side far longer",
    }
    assert json.loads(split.dropped["numbers"][0]) == {
        "chosen_length": 10,
        "rejected_length": 3,
        "chosen_longer_before": 3 / 5,
        "chosen_longer_after": 2 / 3,
    }
    assert split.report.findings == {"chosen longer before": 3 / 5, "chosen longer after": 2 / 3}


@given(lengths=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=9))
def test_the_slope_is_that_of_scores_on_lengths_with_a_mean_for_each_pair(lengths):
    draw = random.Random(len(lengths))
    margins = [draw.gauss(0, 1) for _ in lengths]
    differences = [chosen - rejected for chosen, rejected in lengths]
    # Two scores a pair that differ by its margin; columns: length, and a mean for each pair.
    design, scores = [], []
    for row, ((chosen, rejected), margin) in enumerate(zip(lengths, margins, strict=True)):
        mean = [float(row == other) for other in range(len(lengths))]
        design += [[chosen, *mean], [rejected, *mean]]
        scores += [margin + 7 * row, 7.0 * row]
    slope = np.linalg.lstsq(np.array(design), np.array(scores), rcond=None)[0][0]
    found = length_slope(pl.Series(margins), pl.Series(differences))
    if any(differences):
        assert found == pytest.approx(slope, abs=1e-9)
    else:
        assert found == 0


def test_margins_keep_what_length_does_not_explain(compared):
    # Margins are a tenth of the difference, and the second has 1 more.
    frame = pairs_of(compared, [(9, 1), (2, 4), (1, 9)], [0.8, 0.8, None])
    slope = (0.8 * 8 - 0.8 * 2) / (64 + 4)
    split = LengthBias(of="pairs", balance=False, debias=True).run({"pairs": frame})
    assert split.kept["margin"].to_list() == [
        pytest.approx(0.8 - 8 * slope),
        pytest.approx(0.8 + 2 * slope),
        None,
    ]
    explained = pairs_of(compared, [(9, 1), (5, 1), (1, 5)], [0.8, 0.1, 0.1])
    split = LengthBias(of="pairs", balance=False, debias=True).run({"pairs": explained})
    assert dict(split.dropped.select("row_id", "reason").rows()) == {
        "x1": "length explains the margin"
    }
    with pytest.raises(ValueError, match="no pair has a margin"):
        LengthBias(of="pairs", debias=True).run({"pairs": pairs_of(compared, [(1, 2)])})


def test_a_filter_that_does_nothing_is_refused():
    with pytest.raises(ValueError, match="needs 'balance'"):
        LengthBias(of="pairs", balance=False)
