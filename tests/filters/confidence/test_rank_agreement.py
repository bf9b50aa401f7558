"""The weight of a prompt's pair is how far two rankings of its responses agree, and no other's."""

import json
import math
import warnings

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from filters import BestWorst, RankAgreement
from schemas import Responses, Scores, load_operator, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
VALUES = st.sampled_from([0.0, 0.25, 0.5, 1.0, None])


def tables(ranked):
    """Stages ``responses``, ``now`` and ``before``: of each prompt the two views' scores of its
    responses; None is an opinion that could not be read, "" one that nobody gave."""
    written, mean_scores = [], {"now": [], "before": []}
    for prompt, scores in ranked.items():
        for place, values in enumerate(scores):
            response = f"{prompt}-{place}"
            known = {"text": f"text {place}", "finish": "stop", "tokens": 1, "origin": ORIGIN}
            written.append({"response_id": response, "prompt_id": prompt, **known})
            for view, value in zip(("now", "before"), values, strict=True):
                if value != "":
                    error = None if value is not None else "unreadable"
                    given_ = {"value": value, "error": error, "annotator": view, "origin": ORIGIN}
                    mean_scores[view].append({"response_id": response, **given_})
    asked = [
        {"prompt_id": prompt, "messages": [{"role": "user", "content": prompt}]}
        for prompt in ranked
    ]
    return {
        "prompts": pl.DataFrame(
            asked,
            schema={
                "prompt_id": pl.String,
                "messages": pl.List(pl.Struct({"role": pl.String, "content": pl.String})),
            },
        ),
        "responses": rows(Responses, written),
        **{view: rows(Scores, given_) for view, given_ in mean_scores.items()},
    }


def slowly(scores, statistic):
    """C of one prompt, or None."""
    both = [pair for pair in scores if not {None, ""} & set(pair)]
    now, before = [pair[0] for pair in both], [pair[1] for pair in both]
    if len(both) < 2 or len(set(now)) < 2 or len(set(before)) < 2:
        return None
    if statistic == "top_bottom":
        ends = [
            {place for place, value in enumerate(side) if value == end(side)}
            for side in (now, before)
            for end in (max, min)
        ]
        return float(bool(ends[0] & ends[2]) and bool(ends[1] & ends[3]))
    measure = {"kendall": stats.kendalltau, "spearman": stats.spearmanr}[statistic]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (measure(now, before).statistic + 1) / 2


ranked_prompts = st.dictionaries(
    st.sampled_from("abcdef"),
    st.lists(st.tuples(VALUES | st.just(""), VALUES | st.just("")), min_size=1, max_size=6),
    max_size=5,
)


@given(
    ranked=ranked_prompts,
    statistic=st.sampled_from(["kendall", "spearman", "top_bottom"]),
    scope=st.sampled_from(["prompt", "dataset"]),
)
def test_equals_scipy_prompt_by_prompt(ranked, statistic, scope):
    made = tables(ranked)
    weighs = RankAgreement(of=("now", "before"), statistic=statistic, scope=scope)
    found = weighs.weights(made["responses"], made)
    expected = {prompt: slowly(scores, statistic) for prompt, scores in ranked.items()}
    known = [value for value in expected.values() if value is not None]
    if scope == "dataset":
        mean = math.fsum(known) / len(known) if known else None
        expected = {p: None if value is None else mean for p, value in expected.items()}
    got = dict(found.select("prompt_id", "weight").rows())
    assert got.keys() == expected.keys()
    for prompt, value in expected.items():
        assert got[prompt] == (None if value is None else pytest.approx(value, abs=1e-12))
    assert (found["weight"].is_null() == found["unweighed"].is_not_null()).all()


@given(ranked=ranked_prompts, seed=st.integers(0, 9))
def test_order_of_rows_changes_nothing(ranked, seed, shuffled, same_rows):
    made = tables(ranked)
    pairs = BestWorst(
        of="responses", by="now", weight={"use": "filters.RankAgreement", "of": ["now", "before"]}
    )
    one, other = pairs.run(made), pairs.run(shuffled(made, seed))
    assert same_rows(one.kept, other.kept, "pair_id")
    assert same_rows(one.dropped, other.dropped, "row_id")
    assert one.kept.height + one.dropped.height == len(ranked)


def test_prompts_that_cannot_be_compared_do_not_shift_the_others():
    same, turned = [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)], [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]
    made = tables(
        {
            "a": [(0.0, 0.0), (1.0, ""), (0.5, "")],
            "b": turned,
            "c": [(0.0, 0.5), (1.0, 0.5), (0.5, 0.5)],
            "d": same,
            "e": [(0.0, 0.0), (1.0, None)],
            "f": turned,
        }
    )
    split = BestWorst(
        of="responses", by="now", weight={"use": "filters.RankAgreement", "of": ["now", "before"]}
    ).run(made)
    weights = dict(split.kept.select("prompt_id", "weight").rows())
    assert weights == {"b": 0.0, "d": 1.0, "f": 0.0}
    reasons = dict(split.dropped.select("row_id", "reason").rows())
    assert reasons == {
        "a": "fewer than two responses scored by both views",
        "c": "all responses equal to a view",
        "e": "fewer than two responses scored by both views",
    }
    numbers = [json.loads(row) for row in split.dropped["numbers"]]
    assert [(row["common"], row["scored"]) for row in numbers] == [(1, 3), (3, 3), (1, 2)]


def test_a_filters_own_reasons_come_first():
    made = tables({"p": [(1.0, 0.0), (1.0, 1.0)]})
    split = BestWorst(
        of="responses", by="now", weight={"use": "filters.RankAgreement", "of": ["now", "before"]}
    ).run(made)
    assert split.dropped["reason"].to_list() == ["all equal"]


def test_the_stages_that_a_weight_reads_are_read_by_the_filter():
    spec = {
        "use": "filters.BestWorst",
        "of": "responses",
        "by": "now",
        "weight": {"use": "filters.RankAgreement", "of": ["now", "before"]},
    }
    reads = {read.stage for read in load_operator(spec).inputs()}
    assert reads == {"responses", "now", "before", "prompts"}


@pytest.mark.parametrize(
    ("weight", "says"),
    [
        ({"use": "filters.RandomPairs", "of": "responses"}, "Weighing"),
        ({"use": "filters.RankAgreement", "of": ["now"]}, "before|required|missing"),
        ({"of": ["now", "before"]}, "'use' is missing"),
    ],
)
def test_what_cannot_weigh_is_refused_when_the_recipe_loads(weight, says):
    with pytest.raises(ValidationError, match=f"(?is){says}"):
        BestWorst(of="responses", by="now", weight=weight)


def test_it_is_no_stage_of_its_own():
    with pytest.raises(TypeError, match="write it as the 'weight' of a filter"):
        RankAgreement(of=("now", "before")).run({})
