"""The check of the options that a model chooses among."""

import dagster as dg
import pytest

from annotators import Judge, Verifier
from assets.execution.option_mass import LowMass, mass_result, mass_spec, stop_if_low
from schemas import ChoiceExample, ChoiceReport

EXAMPLE = ChoiceExample("How good is <b>it</b>?", ("1", "2"), 0.01, "I'm sorry | *but*")


def report(median: float | None, *, blocks: bool = False) -> ChoiceReport:
    low = median is not None and median < 0.5
    return ChoiceReport(blocks, 0.5, 8, median, 0.75, (EXAMPLE,) if low else ())


def test_a_low_mass_warns_with_the_figure_the_words_and_the_remedy() -> None:
    result = mass_result(report(0.02))
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    for part in ("2.0%", "I'm sorry", "template:", "sampled"):
        assert part in (result.description or "")
    table = str(result.metadata["lowest"].value)
    assert "<b>" not in table
    assert "&#124; &#42;but&#42;" in table


@pytest.mark.parametrize("median", [0.5, 1.0, None])
def test_enough_or_unknown_mass_passes(median: float | None) -> None:
    assert mass_result(report(median)).passed


def test_a_stage_may_stop_its_recipe() -> None:
    stop_if_low(report(0.02), recipe="r", stage="s")
    stop_if_low(report(0.9, blocks=True), recipe="r", stage="s")
    with pytest.raises(LowMass, match="stage 's'"):
        stop_if_low(report(0.02, blocks=True), recipe="r", stage="s")
    (spec,) = mass_spec(["r", "s"], Judge(low_mass="block"))
    assert spec.blocking


def test_only_stages_that_choose_are_checked() -> None:
    assert mass_spec(["r", "s"], Judge())
    assert not mass_spec(["r", "s"], Judge(verdict="sampled"))
    assert not mass_spec(["r", "s"], Verifier())
