"""Judges that cannot be trusted fall for a probe; one that can passes them all."""

from typing import Any

import polars as pl
import pytest

from annotators import Judge, Verifier
from annotators.probes.suite import EMPTY, OPENERS
from assets.execution.judge_probes import describe_probes
from schemas import ProbeReport
from tests.annotators.scripted import Bench

CHECKS = {"test": "tests.annotators.scripted.is_right"}
ANSWERS = {f"prompt {n}": [f"wrong and says {n}", f"it is right and says {n}"] for n in range(6)}


def sound(prompt: str, *responses: str) -> str:
    """Grades, compares and knows which answer belongs to the prompt."""
    worth = [_worth(prompt, response) for response in responses]
    if len(worth) == 1:
        return str(worth[0])
    return "C" if worth[0] == worth[1] else "AB"[worth[0] < worth[1]]


def _worth(prompt: str, response: str) -> int:
    if prompt.split()[-1] not in response or "says" not in response:
        return 1
    return 5 if "right" in response.split() else 2


def probes(bench: Bench, judge: Judge, say: Any, **more: Any) -> tuple[pl.DataFrame, ProbeReport]:
    """The kept scores and the outcome of the probes."""
    context = bench.context(say, **({"checks": CHECKS} | more))
    split = judge.run(bench.tables(ANSWERS), context)
    assert split.report.probes is not None
    return split.kept, split.report.probes


def passed(found: ProbeReport) -> dict[str, tuple[int, int]]:
    return {each.probe: (each.passed, each.cases) for each in found.results}


ALL = ["empty", "openers", "off topic", "contrast"]


@pytest.mark.parametrize("verdict", ["probability", "sampled"])
def test_a_sound_judge_passes(bench: Bench, verdict: Any) -> None:
    _, found = probes(bench, Judge(verdict=verdict), sound)
    assert found.failed == ()
    assert passed(found) == dict.fromkeys(ALL, (6, 6))
    assert all(each.example is None for each in found.results)
    _, found = probes(bench, Judge(mode="pairwise", verdict=verdict), sound)
    assert found.failed == ()
    assert passed(found) == dict.fromkeys([*ALL, "order swap"], (6, 6))


@pytest.mark.parametrize("verdict", ["probability", "sampled"])
def test_a_judge_that_always_says_5_is_caught(bench: Bench, verdict: Any) -> None:
    kept, found = probes(bench, Judge(verdict=verdict), lambda *_: "5")
    assert list(found.failed) == ALL
    assert passed(found) == dict.fromkeys(ALL, (0, 6))
    example = found.results[0].example
    assert example is not None
    assert example.real_score == example.against_score
    assert kept.height == 12


@pytest.mark.parametrize("verdict", ["probability", "sampled"])
def test_a_judge_that_prefers_the_first_is_caught(bench: Bench, verdict: Any) -> None:
    _, found = probes(bench, Judge(mode="pairwise", verdict=verdict), lambda *_: "A")
    assert list(found.failed) == [*ALL, "order swap"]
    judge = Judge(mode="pairwise", verdict=verdict, both_orders=False)
    assert "order swap" in probes(bench, judge, lambda *_: "A")[1].failed


def test_a_ranking_that_prefers_the_first_is_caught(bench: Bench) -> None:
    kept, found = probes(bench, Judge(mode="listwise", verdict="sampled"), lambda *_: "A B")
    assert found.failed
    assert kept["value"].null_count() == 0
    assert kept.height == 12


@pytest.mark.parametrize("mode", ["pointwise", "pairwise", "listwise"])
@pytest.mark.parametrize("words", ["The response is thorough and well written.", ""])
def test_a_judge_that_does_not_judge_is_caught(bench: Bench, mode: Any, words: str) -> None:
    kept, found = probes(bench, Judge(mode=mode, verdict="sampled"), lambda *_: words)
    assert set(found.failed) >= set(ALL)
    example = found.results[0].example
    assert example is not None
    assert repr(words[:20])[1:-1] in str(example.error)
    assert kept["value"].null_count() == kept.height == 12


@pytest.mark.parametrize(
    ("mode", "words", "told"),
    [
        ("pointwise", "5", "empty (0 of 6 passed: '' got 5, a real answer 5)"),
        ("pairwise", "A", "order swap (0 of 6 passed: the winner changed with the order)"),
        ("pointwise", "A fine answer.", "no grade in 'A fine answer.'"),
        ("pairwise", "A fine answer.", "no choice in 'A fine answer.'"),
        ("listwise", "A fine answer.", "no ranking of 2 in 'A fine answer.'"),
        ("pointwise", "", "no grade in ''"),
    ],
)
def test_it_is_said_what_a_judge_did(bench: Bench, mode: Any, words: str, told: str) -> None:
    _, found = probes(bench, Judge(mode=mode, verdict="sampled"), lambda *_: words)
    assert told in describe_probes(found)


def test_a_judge_that_likes_length_falls_for_what_is_long(bench: Bench) -> None:
    def say(prompt: str, response: str) -> str:
        return str(min(5, 1 + len(response) // 15))

    _, found = probes(bench, Judge(verdict="sampled"), say)
    assert "off topic" in found.failed
    assert "empty" not in found.failed


def test_what_is_refused_to_no_answer_alone_is_a_pass(bench: Bench) -> None:
    def say(prompt: str, response: str) -> str:
        return sound(prompt, response) if "says" in response else "There is no answer."

    _, found = probes(bench, Judge(verdict="sampled"), say)
    assert found.failed == ()


def test_real_answers_are_the_right_ones_or_else_the_best_rated(bench: Bench) -> None:
    def seen(**more: Any) -> set[str]:
        found = probes(bench, Judge(verdict="sampled"), lambda *_: "5", **more)[1]
        return {each.example.real.split()[0] for each in found.results if each.example}

    assert seen() == {"it"}
    # All are rated alike, so the shortest: what is right is not known.
    assert seen(checks={}) == {"wrong"}


def test_it_costs_little_and_nothing_twice(bench: Bench) -> None:
    judge = Judge(probe_prompts=2)
    _, found = probes(bench, judge, sound)
    assert {count for _, count in passed(found).values()} == {2}
    # What was scored already is not asked again: only the made-up answers are.
    assert len(bench.asked) == 12 + 2 * len(ALL)
    assert len(set(bench.asked)) == len(bench.asked)


def test_a_probe_is_no_finding_about_the_stage(bench: Bench) -> None:
    probed, plain = (
        judge.run(bench.tables(ANSWERS), bench.context(sound, checks=CHECKS)).report
        for judge in (Judge(), Judge(probes="off"))
    )
    assert probed.findings == plain.findings
    assert plain.probes is None
    assert probed.usage.model_calls > plain.usage.model_calls


def test_who_is_probed_and_whom_it_stops(bench: Bench) -> None:
    assert not hasattr(Verifier(), "probes")
    assert probes(bench, Judge(), lambda *_: "5")[1].blocks
    assert not probes(bench, Judge(probes="warn"), lambda *_: "5")[1].blocks
    assert Judge.model_validate({"probes": False}).probes == "off"
    lenient = Judge(probes="block", probe_threshold=0)
    assert probes(bench, lenient, lambda *_: "5")[1].failed == ()


def test_with_nothing_to_probe_with_there_is_no_probe(bench: Bench) -> None:
    context = bench.context(sound, checks=CHECKS)
    report = Judge().run(bench.tables({}), context).report
    assert report.probes == ProbeReport(blocks=True)


def test_the_suite_knows_what_is_said_to_fool_judges() -> None:
    assert {"", ":", ".", "Solution"} <= set(EMPTY)
    assert {"Thought process:", "Let's solve this problem step by step."} <= set(OPENERS)
