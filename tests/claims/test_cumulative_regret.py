"""CumulativeRegret: what forced answers lose while a response is written."""

import polars as pl
import pytest

from claims import CumulativeRegret, UnmeasurableError
from tests.claims.tables import prompts, responses
from tests.filters.steps.test_step_progress import scored

OURS = {"a1": [0.0, 0.5, 1.0], "a2": [0.25, 1.0], "b1": [0.5, 0.5, 0.25, 0.75, 1.0]}
THEIRS = {"a1": [0.0, 0.0, 1.0], "b1": [0.0, 0.25, 0.5]}


def slow(values: dict[str, list[float]], blocks: int) -> float:
    """The mean over prompts of the mean over responses and steps."""
    of_prompt: dict[str, list[float]] = {}
    for name, known in values.items():
        lost = [1 - known[min(step, len(known) - 1)] for step in range(blocks)]
        of_prompt.setdefault(name[0], []).append(sum(lost) / blocks)
    return sum(sum(each) / len(each) for each in of_prompt.values()) / len(of_prompt)


def tables(values: dict[str, list[float]], tokens: int) -> dict[str, pl.DataFrame]:
    said = responses(dict.fromkeys(values, "text"), tokens=tokens)
    return {"guesses": scored(values)["values"], "said": said, "prompts": prompts("a", "b")}


MEASURE = CumulativeRegret(
    of="guesses", control="guesses", responses="said", control_responses="said", blocks=3
)


def test_regret_is_the_slow_one() -> None:
    found = MEASURE.figures(tables(OURS, 10), tables(THEIRS, 12), checks={})
    assert found.measured == pytest.approx(slow(OURS, 3))
    assert found.control == pytest.approx(slow(THEIRS, 3))
    assert found.below
    assert found.held == (found.high < 0)
    assert "31.2%, 62.5%, 62.5%, 87.5% after 0, 1, … steps" in found.says
    assert "10.0 tokens a response, the control's 12.0" in found.says


def test_a_response_with_an_unknown_value_does_not_count() -> None:
    unknown = {**OURS, "a2": [0.25, None]}
    found = MEASURE.figures(tables(unknown, 1), tables(THEIRS, 1), checks={})
    assert found.measured == pytest.approx(slow({k: OURS[k] for k in ("a1", "b1")}, 3))
    with pytest.raises(UnmeasurableError, match="no response has a value"):
        MEASURE.figures(tables({"a1": [None]}, 1), tables(THEIRS, 1), checks={})
