"""StepVerifier: what the maker of the problems knows of each step."""

from typing import Any

import pytest

from annotators import StepVerifier
from engines.protocol import EngineError
from tests.annotators.stepwise import going_on, of_steps, of_whole, solutions


def test_steps_and_the_first_error_are_told(stand: Any) -> None:
    texts = ["ok\nbad\nok\n0", "ok\n7", "? what\nok\nbad"]
    split = StepVerifier().run(solutions(stand, {"q": texts}), going_on(stand))
    assert split.dropped.is_empty()
    assert of_whole(split.kept) == {"q-0": 1, "q-1": -1, "q-2": 2}
    assert of_steps(split.kept, "q-0") == {0: 1, 1: 0, 2: 1, 3: 1}
    assert of_steps(split.kept, "q-2") == {1: 1, 2: 0}
    assert not stand.asked


def test_a_check_that_knows_nothing_of_steps_is_refused_before_any_row(stand: Any) -> None:
    context = going_on(stand)
    tables = solutions(stand, {"q": ["ok"]})
    with pytest.raises(EngineError, match=r"source 'test', engines\.checks\.gsm8k, does not know"):
        StepVerifier(check="engines.checks.gsm8k").run(tables, context)


def test_uncut_responses_are_errors(stand: Any) -> None:
    kept = StepVerifier().run(solutions(stand, {"q": ["ok"]}, cut=False), going_on(stand)).kept
    assert kept["error"].item().startswith("the response is not cut into steps")


@pytest.mark.parametrize("told", ["raise ValueError('no problem')", "return [True]"])
def test_a_truth_that_fails_is_an_error(
    stand: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    (tmp_path / "odd_truth.py").write_text(
        "def check(messages, reference, text): return True\n"
        f"def steps(messages, reference, steps): {told}\n"
        "check.steps = steps\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "odd_truth", raising=False)
    tables = solutions(stand, {"q": ["ok\n7"]})
    kept = StepVerifier(check="odd_truth.check").run(tables, going_on(stand)).kept
    assert of_whole(kept) == {"q-0": None}
    assert "no problem" in kept["error"].item() or "judged 1 of 2" in kept["error"].item()
