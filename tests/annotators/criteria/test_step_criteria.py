"""StepCriteria: one question a step and criterion."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from annotators import StepCriteria
from engines.bindings import Binding
from engines.context import Context
from engines.protocol import Choice, Rendered
from tests.annotators.stepwise import of_steps, of_whole, solutions

BAD = {"name": "bad", "text": "It is bad.", "kind": "yes_no", "negated": True}
CALM = {"name": "calm", "text": "It is calm.", "kind": "yes_no"}


def within(tag: str, text: str) -> str:
    """What a question has between ``<tag>`` and ``</tag>``."""
    return text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]


@pytest.fixture
def judging(stand: Any) -> Context:
    """A context whose judge says yes with 0.9 of a part with "bad", else with 0.2."""

    def opened(binding: Binding) -> Any:
        engine = stand.open(binding)

        async def choose(prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
            stand.asked.append(prompt.text)
            yes = 0.9 if "bad" in within("part", prompt.text) else 0.2
            chances = [yes if option[0].lower() == "yes" else 1 - yes for option in options]
            return Choice(tuple(map(math.log, chances)), None)

        engine.choose = choose
        return engine

    context: Context = stand.context(open_engine=opened)
    return context


def test_each_step_is_judged_with_what_was_written_before_it(stand: Any, judging: Context) -> None:
    tables = solutions(stand, {"q": ["ok\nbad\nok"]})
    kept = StepCriteria(criteria=[BAD, CALM]).run(tables, judging).kept
    bad, calm = (kept.filter(kept["annotator"] == name) for name in ("bad", "calm"))
    assert of_steps(bad, "q-0") == pytest.approx({0: 0.8, 1: 0.1, 2: 0.8})
    assert of_whole(bad)["q-0"] == pytest.approx((0.8 + 0.1 + 0.8) / 3)
    assert of_steps(calm, "q-0") == pytest.approx({0: 0.2, 1: 0.9, 2: 0.2})
    assert len(stand.asked) == 6
    second = next(one for one in stand.asked if "bad" in within("part", one))
    assert within("answer", second).split() == ["ok", "bad"]


def test_uncut_responses_are_errors(stand: Any, judging: Context) -> None:
    tables = solutions(stand, {"q": ["ok"]}, cut=False)
    kept = StepCriteria(criteria=[BAD]).run(tables, judging).kept
    assert kept["error"].item().startswith("the response is not cut into steps")


def test_steps_are_judged_by_yes_or_no(stand: Any, judging: Context) -> None:
    tables = solutions(stand, {"q": ["ok"]})
    with pytest.raises(ValueError, match=r"criterion 'calm' is graded.*kind: yes_no"):
        StepCriteria(criteria=[CALM | {"kind": "graded"}]).run(tables, judging)
