"""A stage whose texts are cut off says so, and which parameter to raise to which value."""

import math
from pathlib import Path

import pytest

from annotators import Judge
from assets.execution.cut_off_check import MOST_CUT, cut_off_check, enough_tokens, writes
from assets.execution.execute_stage import execute_stage
from assets.project.recipe_plan import Stage
from filters import RandomPairs
from generators import Sample, TreeSearch
from schemas import Lengths, Nodes, Operator, Pairs, Responses, Scores, Table, Usage
from tests.annotators.scripted import Bench


def stage(operator: Operator, gives: type[Table] = Responses) -> Stage:
    return Stage("written", operator, gives, ("prompts",))


def usage(**by_limit: Lengths) -> Usage:
    return Usage(lengths={int(limit.removeprefix("at")): one for limit, one in by_limit.items()})


def test_few_texts_that_were_cut_off_are_no_reason_to_warn() -> None:
    result = cut_off_check(stage(Sample()), usage(at256=Lengths(100, 5, 9_000)))
    assert result.passed
    assert result.description == "5 of 100 texts were cut off"


def test_the_warning_names_the_parameter_and_a_value_that_is_enough() -> None:
    # 20 of 100 texts ended within 2,400 tokens: one in 120 tokens.
    found = Lengths(100, 80, 2_400)
    result = cut_off_check(stage(Sample(max_tokens=24)), usage(at24=found))
    assert not result.passed
    wanted = enough_tokens(24, found)
    assert 24 + 120 * math.log(0.8 / MOST_CUT) <= wanted < 24 + 120 * math.log(0.8 / MOST_CUT) + 64
    assert f"--set written.max_tokens={wanted}" in str(result.description)


def test_if_no_text_ended_twice_the_limit_is_tried() -> None:
    assert enough_tokens(64, Lengths(8, 8, 512)) == 128


def test_a_lookahead_is_not_a_limit_but_the_proposals_after_it_are() -> None:
    search = stage(TreeSearch(proposer={"max_tokens": 256, "lookahead": 48}), Nodes)
    assert cut_off_check(search, usage(at48=Lengths(9, 9, 432))).passed
    result = cut_off_check(search, usage(at256=Lengths(9, 9, 2304)))
    assert "--set written.proposer.max_tokens=512" in str(result.description)


@pytest.mark.parametrize(
    ("operator", "gives", "expected"),
    [
        (Sample(), Responses, True),
        (Judge(verdict="sampled"), Scores, True),
        (Judge(), Scores, False),
        (RandomPairs(of="responses"), Pairs, False),
    ],
)
def test_only_a_stage_in_which_a_model_writes_is_checked(
    operator: Operator, gives: type[Table], expected: bool
) -> None:
    assert writes(stage(operator, gives)) == expected


def test_verdicts_are_counted_and_counted_again_from_the_journal(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    judge = Stage(
        "scores", Judge(verdict="sampled", probes="off"), Scores, ("responses", "prompts")
    )
    for _ in range(2):
        context = bench.context(lambda prompt, *responses: "4")
        outcome = execute_stage(judge, bench.tables({"p": ["a", "b"]}), context)
        assert outcome.usage.lengths[256].texts == 2
