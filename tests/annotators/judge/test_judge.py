"""A judge's scores and what is reported of it, on judgements whose truth is known."""

import json
import math
import re
from collections.abc import Sequence
from itertools import combinations, permutations
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import kendalltau

from annotators import CriteriaJudge, Judge
from assets.execution.execute_stage import scorer_figures
from engines.protocol import Choice, EngineError, Generation, Rendered, Sampling
from schemas import Checkpoints, rows
from tests.annotators.scripted import Bench, ScriptedEngine

CHECKS = {"test": "tests.annotators.scripted.is_right"}


def values(bench: Bench, judge: Judge, answers: dict[str, list[str]], say: Any, **more: Any) -> Any:
    """The kept scores, the findings, and the value of each response by its id."""
    tables, context = bench.tables(answers), bench.context(say, **more)
    split = judge.run(tables, context)
    assert split.dropped.is_empty()
    by_id = dict(split.kept.select("response_id", "value").iter_rows())
    return split.kept, split.report.findings, by_id


def last(*parts: str) -> str:
    """The last word of the one response shown."""
    return parts[-1].split()[-1]


def test_a_grade_is_what_the_judge_expects(bench: Bench) -> None:
    judge = Judge(probes="off")
    kept, findings, found = values(bench, judge, {"p": ["bad 1", "good 5"]}, last)
    # 0.9 for the grade it names, 0.1 over the other four.
    assert found == {
        "p-0": pytest.approx(0.9 * 1 + 0.025 * 14),
        "p-1": pytest.approx(0.9 * 5 + 0.025 * 10),
    }
    assert set(kept["annotator"]) == {"judge_pointwise"}
    assert json.loads(kept["raw"][0])["1"] == 0.9
    assert findings == {"judgements": 2, "votes": 2, "unanswered": 0, "parse_failures": 0}


def test_sampled_votes_are_aggregated_and_all_kept(bench: Bench) -> None:
    judge = Judge(verdict="sampled", votes=5, aggregate="median", probes="off")

    def say(prompt: str, response: str, seed: int) -> str:
        return "3" if "same" in response else ["1", "4", "5", "no idea", "9"][seed % 5]

    kept, findings, found = values(bench, judge, {"p": ["same", "other"]}, say, seeded=True)
    assert found["p-0"] == 3
    votes = json.loads(kept["raw"][1])
    read = sorted(float(vote) for vote in votes if vote in "145")
    assert len(votes) == 5
    assert found["p-1"] == (read[len(read) // 2] if len(read) % 2 else sum(read[:2]) / 2)
    assert findings["votes"] == 10
    assert findings["parse_failures"] == (5 - len(read)) / 10


def test_a_response_is_judged_alike_whatever_others_there_are(bench: Bench) -> None:
    judge = Judge(verdict="sampled", votes=3, probes="off")

    def say(prompt: str, response: str, seed: int) -> str:
        return str(1 + seed % 5)

    _, _, few = values(bench, judge, {"p": ["a", "b"]}, say, seeded=True)
    _, _, many = values(bench, judge, {"p": ["a", "b", "c", "d"]}, say, seeded=True)
    assert {name: many[name] for name in few} == few


def test_what_cannot_be_read_is_no_score(bench: Bench) -> None:
    judge = Judge(verdict="sampled", votes=2, probes="off")
    kept, findings, found = values(bench, judge, {"p": ["a"]}, lambda *_: "It is fine.")
    assert found == {"p-0": None}
    assert kept["raw"].to_list() == ['["It is fine.","It is fine."]']
    assert "no grade in 'It is fine.'" in kept["error"][0]
    assert findings["parse_failures"] == 1


def test_a_question_that_is_refused_costs_no_other_response(bench: Bench) -> None:
    judge = Judge(verdict="sampled", probes="off")

    def say(prompt: str, response: str) -> str:
        return "too long" if response == "a" else "3"

    kept, findings, found = values(bench, judge, {"p": ["a", "b"]}, say)
    assert found == {"p-0": None, "p-1": 3}
    assert "900 tokens" in kept["error"][0]
    assert (findings["unanswered"], findings["votes"]) == (1, 1)
    assert findings["parse_failures"] == 0


RESPONSES = ["right a", "right b", "wrong c", "wrong d"]
ORDERED = list(permutations(RESPONSES, 2))
said = st.lists(st.sampled_from(["A", "B", "C", "dunno"]), min_size=12, max_size=12)
chosen = st.lists(st.sampled_from(["A", "B", "C"]), min_size=12, max_size=12)
many = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@many
@given(said)
def test_pairwise_figures_are_those_of_the_script(bench: Bench, script: list[str]) -> None:
    verdicts = dict(zip(ORDERED, script, strict=True))
    judge = Judge(mode="pairwise", verdict="sampled", probes="off")
    tables = bench.tables({"p": RESPONSES})
    context = bench.context(
        lambda _, a, b: verdicts[a, b], checks=CHECKS, journal=bench.folder / f"{len(bench.asked)}"
    )
    split = judge.run(tables, context)
    found = dict(zip(RESPONSES, split.kept["value"], strict=True))
    findings = split.report.findings

    # Slow and obvious: each pair by hand.
    won: dict[str, list[float]] = {name: [] for name in RESPONSES}
    read = flips = ties = both = 0
    for a, b in combinations(RESPONSES, 2):
        orders = [verdicts[a, b], verdicts[b, a]]
        if "dunno" in orders:
            continue
        read += 1
        both += 1
        winners = ["A" if orders[0] == "A" else orders[0], {"A": "B", "B": "A"}.get(orders[1], "C")]
        flip = set(winners) == {"A", "B"}
        share = 0.5 if flip else sum({"A": 1, "B": 0, "C": 0.5}[w] for w in winners) / 2
        flips += flip
        ties += winners == ["C", "C"]
        won[a].append(share)
        won[b].append(1 - share)
    decided = [verdict for verdict in script if verdict in "AB"]
    assert findings["judgements"] == findings["votes"] == 12
    assert findings["parse_failures"] == script.count("dunno") / 12
    if read:
        assert findings["pairs"] == read
        assert findings["flips"] == flips / both
        assert findings["ties"] == ties / read
    if decided:
        assert findings["first_position_wins"] == decided.count("A") / len(decided)
    for name, shares in won.items():
        assert found[name] == (pytest.approx(sum(shares) / len(shares)) if shares else None)

    pairs = [
        (found[right], found[wrong])
        for right in RESPONSES[:2]
        for wrong in RESPONSES[2:]
        if found[right] is not None and found[wrong] is not None
    ]
    known = scorer_figures(judge, tables, split.kept, CHECKS)
    rightly = [1.0 if right > wrong else 0.5 * (right == wrong) for right, wrong in pairs]
    assert known == (
        {"accuracy": pytest.approx(sum(rightly) / len(pairs)), "accuracy_pairs": len(pairs)}
        if pairs
        else {}
    )


class Leaning(ScriptedEngine):
    """Gives what it does not mean to say to the one shown first rather than to the other."""

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        chosen = self._say(*prompt.text.split("|"))
        rest = iter((0.3, 0.1))
        shares = [0.6 if option[0] == chosen else next(rest) for option in options]
        return Choice(tuple(map(math.log, shares)), None)


@many
@given(chosen)
def test_by_probability_the_figures_are_those_of_the_likeliest_answers(
    bench: Bench, script: list[str]
) -> None:
    verdicts = dict(zip(ORDERED, script, strict=True))

    def say(_: str, a: str, b: str) -> str:
        return verdicts[a, b]

    told = []
    for verdict in ("sampled", "probability"):
        judge = Judge(mode="pairwise", verdict=verdict, probes="off")
        context = bench.context(
            say,
            journal=bench.folder / f"{verdict}{len(bench.asked)}",
            open_engine=lambda _: Leaning(say, bench.asked, seeded=False),
        )
        told.append(judge.run(bench.tables({"p": RESPONSES}), context).report.findings)
    assert told[0] == told[1]


def test_accuracy_is_unknown_where_truth_is(bench: Bench) -> None:
    judge = Judge(probes="off")
    tables = bench.tables({"p": ["right", "wrong"]})
    kept = judge.run(tables, bench.context(last)).kept
    assert scorer_figures(judge, tables, kept, {}) == {}
    # The check of a source cannot read judgements of answers to its tasks.
    items = tables["prompts"].with_columns(task=pl.lit("p"))
    assert scorer_figures(judge, tables, kept, CHECKS) != {}
    assert scorer_figures(judge, tables | {"prompts": items}, kept, CHECKS) == {}


def test_of_rankings_their_agreement_is_told(bench: Bench) -> None:
    judge = Judge(mode="listwise", verdict="sampled", probes="off")
    tables = bench.tables({"p": RESPONSES, "q": RESPONSES, "r": RESPONSES[:2]})

    def say(asked: str, *shown: str) -> str:
        # The second prompt's ranking cannot be read; of the third all responses are right.
        return " ".join("ABCD"[: len(shown)]) if asked == "p" else "dunno"

    kept = judge.run(tables, bench.context(say)).kept
    values = dict(kept.select("response_id", "value").iter_rows())
    of_first = tables["responses"].filter(prompt_id=tables["prompts"]["prompt_id"][0])
    ranked = [values[name] for name in of_first["response_id"]]
    tau = kendalltau([1, 1, 0, 0], ranked).statistic
    assert scorer_figures(judge, tables, kept, CHECKS) == {"rank_agreement": pytest.approx(tau / 2)}
    aspects = CriteriaJudge(mode="listwise", verdict="sampled", by="principles", probes="off")
    assert scorer_figures(aspects, tables, kept, CHECKS) == {}


def test_pairwise_by_probability(bench: Bench) -> None:
    judge = Judge(mode="pairwise", probes="off")

    def better(prompt: str, a: str, b: str) -> str:
        return "A" if a > b else "B"

    kept, findings, found = values(bench, judge, {"p": ["1", "2", "3"]}, better)
    credit = 0.9 + 0.05 / 2
    assert found == {
        "p-0": pytest.approx(1 - credit),
        "p-1": pytest.approx(0.5),
        "p-2": pytest.approx(credit),
    }
    assert (findings["flips"], findings["first_position_wins"]) == (0, 0.5)
    assert set(kept["annotator"]) == {"judge_pairwise"}


def test_a_round_robin_costs_n_times_k_and_equal_texts_cost_nothing(bench: Bench) -> None:
    judge = Judge(mode="pairwise", opponents=2, probes="off")
    values(bench, judge, {"p": [str(number) for number in range(10)]}, lambda *_: "A")
    assert len(bench.asked) == 10 * 2
    bench.asked.clear()
    _, _, found = values(bench, judge, {"p": ["same", "same"]}, lambda *_: "A")
    assert found == {"p-0": 0.5, "p-1": 0.5}
    assert not bench.asked


def test_one_order_is_drawn_from_the_ids(bench: Bench) -> None:
    judge = Judge(mode="pairwise", both_orders=False, probes="off")
    answers = {"p": [f"{number}" for number in range(8)]}
    _, findings, found = values(bench, judge, answers, lambda *_: "A")
    assert len(bench.asked) == 28
    assert findings["flips"] is None
    # None of them comes first in all of its pairs.
    assert all(0 < value < 1 for value in found.values())


def test_a_response_alone_has_nothing_to_be_compared_with(bench: Bench) -> None:
    for judge in (
        Judge(mode="pairwise", probes="off"),
        Judge(mode="listwise", verdict="sampled", probes="off"),
    ):
        kept, _, found = values(bench, judge, {"p": ["a"]}, lambda *_: "A")
        assert found == {"p-0": None}
        assert kept["error"][0]


def test_listwise_gives_places_whatever_the_order_shown(bench: Bench) -> None:
    judge = Judge(mode="listwise", verdict="sampled", votes=3, probes="off")

    def rank(prompt: str, *responses: str) -> str:
        order = sorted(range(len(responses)), key=lambda at: responses[at], reverse=True)
        return " ".join("ABCDEFGHIJ"[at] for at in order)

    answers = {"p": ["1", "2", "3", "4", "5"]}
    _, findings, found = values(bench, judge, answers, rank)
    assert found == {f"p-{at}": pytest.approx(at / 4) for at in range(5)}
    assert len(set(bench.asked)) == 3
    assert findings["votes"] == 3
    _, biased, _ = values(bench, judge, answers, lambda *_: "A B C D E")
    assert biased["first_position_wins"] == 1
    _, unread, found = values(bench, judge, answers, lambda *_: "B is best")
    assert unread["parse_failures"] == 1
    assert set(found.values()) == {None}


@pytest.mark.parametrize("constrains", [True, False])
@pytest.mark.parametrize(
    ("fields", "verdict", "words"),
    [
        ({}, "5", "It is a 5."),
        ({"scale": (0, 10)}, "10", "11"),
        ({"mode": "pairwise"}, "C", "A is better"),
        ({"mode": "listwise"}, "B A", "B, then A"),
        ({"template": "judge_rationale"}, "It adds up.\nScore: 4", "Score: 4, for it adds up."),
        ({"template": "strict", "pattern": "good|bad", "parse": "(good|bad)"}, "bad", "4"),
    ],
)
def test_an_engine_that_can_holds_a_judge_to_a_verdict(
    bench: Bench, fields: dict[str, Any], verdict: str, words: str, constrains: bool
) -> None:
    patterns: set[str | None] = set()

    class Held(ScriptedEngine):
        async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
            patterns.add(sampling.pattern)
            return await super().generate(prompt, sampling, seed)

    def opened(_: Any) -> Held:
        engine = Held(lambda *_: verdict, bench.asked, seeded=False)
        engine.constrains = constrains
        return engine

    for name in ("strict", "judge_rationale"):
        (bench.folder / f"{name}.jinja").write_text("{{ prompt }}|{{ response }}")
    judge = Judge(verdict="sampled", probes="off", **fields)
    judge.run(bench.tables({"p": ["a", "b"]}), bench.context(last, open_engine=opened))
    (pattern,) = patterns
    if constrains:
        assert pattern is not None
        assert re.fullmatch(pattern, verdict)
        assert not re.fullmatch(pattern, words)
    else:
        assert pattern is None


def test_a_template_of_another_name_is_said(bench: Bench) -> None:
    (bench.folder / "strict.jinja").write_text("{{ prompt }}|{{ criteria }}|{{ response }}")
    judge = Judge(template="strict", criteria="be strict", probes="off")
    kept, _, _ = values(bench, judge, {"p": ["1"]}, last)
    assert kept["annotator"][0] == "judge_pointwise_strict"
    assert bench.asked == ["p|be strict|1"]


@pytest.mark.parametrize("mode", ["pointwise", "pairwise", "listwise"])
@pytest.mark.parametrize("criteria", [None, "Only the result counts."])
def test_the_shipped_templates_say_all(bench: Bench, mode: Any, criteria: str | None) -> None:
    judge = Judge(mode=mode, verdict="sampled", criteria=criteria, probes="off")
    context = bench.context(lambda *_: "4", folder=None)
    judge.run(bench.tables({"How much?": ["one apple", "two pears"]}), context)
    for question in bench.asked:
        assert "How much?" in question
        assert "one apple" in question or "two pears" in question
        assert (criteria is not None) == ("Only the result counts." in question)


def test_the_weights_of_a_stage_judge_in_the_place_of_the_roles(bench: Bench) -> None:
    opened = []
    context = bench.context(last)
    engine = context.open_engine

    def opening(binding: Any) -> Any:
        opened.append(binding.model)
        return engine(binding)

    trained = {"path": "trained", "start": "judge", "trained": True, "rows": 1, "steps": 1}
    checkpoints = rows(Checkpoints, [{**trained, "seconds": 1.0, "metrics": "{}"}])
    tables = bench.tables({"p": ["3"]}) | {"tuned": checkpoints}
    judge = Judge(checkpoint="tuned", probes="off")
    assert {read.stage for read in judge.inputs()} == {"responses", "prompts", "tuned"}
    judge.run(tables, bench.context(last, open_engine=opening))
    assert opened == ["trained"]
    with pytest.raises(EngineError, match="gave 2"):
        judge.run(tables | {"tuned": checkpoints.vstack(checkpoints)}, context)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"scale": (5, 1)}, "lowest"),
        ({"parse": "no group", "verdict": "sampled"}, "one group"),
        ({"parse": "(", "verdict": "sampled"}, "not a regular expression"),
        ({"votes": 3}, "sampled"),
        ({"mode": "listwise"}, "sampled"),
        ({"votes": 3, "verdict": "sampled", "temperature": 0}, "all the same"),
    ],
)
def test_what_cannot_work_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Judge(**fields)
