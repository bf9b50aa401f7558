"""SimulatedSteps: labels of steps by types of errors, of which people get some wrong."""

import random
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from annotators import SimulatedSteps
from tests.annotators.stepwise import going_on, of_steps, of_whole, solutions

WORDS = """
def calm(messages, reference, steps):
    if any("?" in step for step in steps):
        raise ValueError("a question")
    return [None if step.strip() == "0" else "!" not in step for step in steps]

def short(messages, reference, steps):
    return [len(step) < 4 for step in steps]

def other(messages, reference, text):
    return 1.0
"""


@pytest.fixture(autouse=True)
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "words_of_steps.py").write_text(WORDS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "words_of_steps", raising=False)


def test_each_type_labels_each_step_it_can_tell(stand: Any) -> None:
    tables = solutions(stand, {"q": ["ok\nno!\n0", "wait?\nok"]})
    types = {"calm": "words_of_steps.calm", "short": "words_of_steps.short"}
    kept = SimulatedSteps(types=types).run(tables, going_on(stand)).kept
    calm, short = (kept.filter(kept["annotator"] == name) for name in types)
    assert of_steps(calm, "q-0") == {0: 1, 1: 0}
    assert of_whole(calm) == {"q-0": 0.5, "q-1": None}
    assert calm["error"].drop_nulls().to_list() == ["a question"]
    assert of_whole(short)["q-0"] == pytest.approx(2 / 3)
    assert not stand.asked


def test_people_get_a_share_of_labels_wrong(stand: Any) -> None:
    tables = solutions(stand, {"q": ["a\n" * 200]})
    operator = SimulatedSteps(types={"calm": "words_of_steps.calm"}, flips=0.25)
    context = going_on(stand)
    kept = operator.run(tables, context).kept
    drawn = [random.Random(f"{context.seed} label calm q-0 {step}").random() for step in range(200)]
    assert of_steps(kept, "q-0") == {step: float(one >= 0.25) for step, one in enumerate(drawn)}
    assert kept.equals(operator.run(tables, context).kept)


def test_uncut_responses_are_errors(stand: Any) -> None:
    tables = solutions(stand, {"q": ["ok"]}, cut=False)
    kept = SimulatedSteps(types={"calm": "words_of_steps.calm"}).run(tables, going_on(stand)).kept
    assert kept["error"].item().startswith("the response is not cut into steps")


def test_a_function_of_texts_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"not a function of \(messages, reference, steps\)"):
        SimulatedSteps(types={"other": "words_of_steps.other"})
