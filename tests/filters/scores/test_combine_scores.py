"""Combined scores against a slow version, one response at a time."""

import json
import statistics

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import CombineScores
from schemas import Responses, Scores, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
PROMPTS = {"a": "p", "b": "p", "c": "p", "d": "q", "e": "q"}
# Few different values, so that ties, equal groups and missing scores are common.
values = st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0, -2.5, None])
stages = st.lists(
    st.dictionaries(
        st.sampled_from([*PROMPTS]), st.dictionaries(st.sampled_from(["x", "y"]), values)
    ),
    min_size=3,
    max_size=3,
)


def tables(named):
    """Stages of scores, each the values of responses by annotator; None is an error."""
    told = {
        stage: [
            {
                "response_id": response,
                "annotator": annotator,
                "value": value,
                "error": "unreadable" if value is None else None,
                "origin": ORIGIN,
            }
            for response, annotators in of.items()
            for annotator, value in annotators.items()
        ]
        for stage, of in named.items()
    }
    written = [
        {
            "response_id": r,
            "prompt_id": p,
            "text": r,
            "finish": "stop",
            "tokens": 1,
            "origin": ORIGIN,
        }
        for r, p in PROMPTS.items()
    ]
    scores = {stage: rows(Scores, each) for stage, each in told.items()}
    return {**scores, "responses": rows(Responses, written)}


def combined(named, **options):
    """The scores of responses, and the reasons of those that are dropped."""
    split = CombineScores(**options).run(tables(named))
    return dict(split.kept.select("response_id", "value").iter_rows()), dict(
        split.dropped.select("row_id", "reason").iter_rows()
    )


def mean(of):
    known = [value for value in of.values() if value is not None]
    return statistics.fmean(known) if known else None


def slow(named, *, rule, standardise="none", options=None):
    """The same in plain Python."""
    options = options or {}
    of = ["one", "two"]
    if rule in ("mean", "min", "mixture"):
        known = {s: {a for by in named[s].values() for a in by if by[a] is not None} for s in of}
        members = [(stage, a) for stage in of for a in sorted(known[stage]) or ["nobody"]]
        parts = {m: {r: by.get(m[1]) for r, by in named[m[0]].items()} for m in members}
        if "nominal" in options:
            parts["nominal"] = {r: mean(by) for r, by in named["three"].items()}
    else:
        of = of[:1] if rule == "centred" else of
        parts = {stage: {r: mean(by) for r, by in named[stage].items()} for stage in of}
    if rule == "centred":
        before = {r: mean(by) for r, by in named["three"].items()}
        known = {
            p: [before[r] for r in before if PROMPTS[r] == p and before[r] is not None]
            for p in PROMPTS.values()
        }
        parts["three"] = {r: statistics.fmean(known[p]) for r, p in PROMPTS.items() if known[p]}
    ids = {r for stage in of for r, by in named[stage].items() if by}
    kept = [r for r in ids if all(part.get(r) is not None for part in parts.values())]
    if rule in ("mean", "min", "mixture"):
        kept = [
            r for r in kept if None not in [v for s in of for v in named[s].get(r, {}).values()]
        ]
    for part in parts.values() if standardise != "none" else ():
        stored = dict(part)
        for r in kept:
            others = [o for o in kept if standardise == "stage" or PROMPTS[o] == PROMPTS[r]]
            group = [stored[o] for o in others]
            spread = statistics.pstdev(group) if len({*group}) > 1 else 0
            part[r] = (stored[r] - statistics.fmean(group)) / spread if spread else 0.0

    def value(r):
        v = [part[r] for part in parts.values()]
        if rule == "sum":
            return 2 * v[0] - v[1]
        if rule == "mean":
            spread = (
                statistics.pvariance(v) if options["spread"] == "variance" else statistics.pstdev(v)
            )
            return statistics.fmean(v) - 0.5 * spread
        if rule == "min":
            return min(v)
        if rule == "mixture" and "nominal" in options:
            return 0.25 * v[-1] + 0.75 * min(v[:-1])
        if rule == "mixture":
            return 0.25 * statistics.fmean(v) + 0.75 * min(v)
        if rule == "gated":
            return 2 * v[0] + (-v[1] if v[0] >= 0.1 else 0)
        if rule == "centred":
            return v[0] - v[1]
        tuples = {tuple(part[o] for part in parts.values()) for o in kept}
        return sum(other < tuple(v) for other in tuples)

    return {r: value(r) for r in kept}, ids - {*kept}


CASES = {
    "sum": {"weights": [2, -1]},
    "variance": {"rule": "mean", "penalty": 0.5, "spread": "variance"},
    "deviation": {"rule": "mean", "penalty": 0.5, "spread": "deviation"},
    "min": {},
    "mixture": {"share": 0.25},
    "nominal": {"rule": "mixture", "share": 0.25, "nominal": "three"},
    "gated": {"weights": [2, -1], "threshold": 0.1},
    "centred": {"of": "one", "baseline": "three"},
    "lexicographic": {},
}


@pytest.mark.parametrize("case", CASES)
@given(told=stages, standardise=st.sampled_from(["none", "stage", "prompt"]))
def test_scores_are_those_of_the_slow_version(case, told, standardise):
    options = {"rule": case, "of": ["one", "two"], "responses": "responses", **CASES[case]}
    if options["rule"] == "centred":
        standardise = "none"
    named = dict(zip(["one", "two", "three"], told, strict=True))
    expected, lost = slow(named, rule=options["rule"], standardise=standardise, options=options)
    found, dropped = combined(named, standardise=standardise, **options)
    assert found == pytest.approx(expected, abs=1e-9)
    assert {*dropped} == lost


def test_a_response_without_one_of_the_scores_is_dropped_with_its_name():
    named = {"one": {"a": {"x": 1.0}, "b": {"x": 2.0}}, "two": {"a": {"x": 3.0}, "c": {"x": None}}}
    found, dropped = combined(named, of=["one", "two"], rule="min")
    assert found == {"a": 1.0}
    assert dropped == {"b": "no score of two/x", "c": "the score of two/x is an error"}


def test_a_model_that_fails_at_one_response_is_no_member_of_its_own():
    heads = {"head-0": 1.0, "head-1": 2.0}
    found, dropped = combined({"one": {"a": heads, "b": {"reward": None}}}, of="one", rule="min")
    assert found == {"a": 1.0}
    assert dropped == {"b": "the score of one/reward is an error"}


def test_a_gate_may_be_a_quantile_of_the_first_score():
    first = {"a": {"x": 1.0}, "b": {"x": 2.0}, "c": {"x": 4.0}, "d": {"x": 9.0}}
    second = {name: {"x": 10.0} for name in first}
    found, _ = combined(
        {"one": first, "two": second}, of=["one", "two"], rule="gated", quantile=0.5
    )
    assert found == {"a": 1.0, "b": 2.0, "c": 14.0, "d": 19.0}


def test_what_was_combined_is_told_and_steps_are_not_read():
    named = tables({"one": {"a": {"x": 1.0, "y": 4.0}}})
    step = named["one"].with_columns(step=pl.lit(0, pl.Int32), value=-9.0)
    named["one"] = pl.concat([step, named["one"]])
    (row,) = CombineScores(of="one", rule="min").run(named).kept.to_dicts()
    assert (row["annotator"], row["value"], row["step"]) == ("combined", 1.0, None)
    assert json.loads(row["raw"]) == {"one/x": 1.0, "one/y": 4.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "min", "penalty": 1.0}, "penalty is an option of rule mean"),
        ({"rule": "sum", "weights": [1.0]}, "1 weights of 2 stages"),
        ({"rule": "gated"}, "needs two stages, and a threshold"),
        ({"rule": "gated", "threshold": 0.1, "quantile": 0.5}, "needs two stages, and a threshold"),
        ({"rule": "centred"}, "needs one stage, and a baseline"),
        ({"rule": "min", "standardise": "prompt"}, "responses is missing"),
        ({"rule": "min", "of": ["one", "one"]}, "named twice: one, one"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CombineScores(**{"of": ["one", "two"], **options})
