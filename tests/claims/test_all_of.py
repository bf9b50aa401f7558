"""AllOf: a paper's claims hold if each of them does."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from assets.project.measure import Curve, Figures, Plot
from claims import AllOf, RewardAccuracy
from claims.all_of import worst
from tests.claims.tables import CHECKS, prompts, responses, scores

RANKED = {"use": "claims.RewardAccuracy", "of": "marks", "control": "grades"}
MENDED = {"use": "claims.SelfCorrection", "of": "revised", "control": "again", "first": "responses"}


def figures(low: float, high: float) -> Figures:
    return Figures(high, 0.0, low, high, held=low > 0, says=f"[{low}, {high}]")


def test_the_claim_that_holds_least_decides() -> None:
    held, undecided, failed = figures(0.1, 0.2), figures(-0.1, 0.3), figures(-0.2, -0.1)
    assert worst([held, held]).verdict == "held"
    assert worst([held, undecided]).low == -0.1
    found = worst([held, undecided, failed])
    assert (found.low, found.verdict) == (-0.2, "did not hold")
    assert found.says == (
        "[0.1, 0.2] (held); and [-0.1, 0.3] (undecided); and [-0.2, -0.1] (did not hold)"
    )


def test_a_plot_of_any_claim_is_kept() -> None:
    plot = Plot("votes", (Curve("ranked rightly", "kept", ((1, 0.5),)),))
    plotted = replace(figures(0.1, 0.2), plot=plot)
    assert worst([plotted, figures(-0.1, 0.3)]).plot == plot


def test_each_claim_is_measured_by_its_own_stages() -> None:
    names = "abcdefgh"
    given = {f"{name}{place}": text for name in names for place, text in enumerate(["right", "x"])}
    after = {f"{name}9": "right" for name in names}
    parents = {f"{name}9": f"{name}1" for name in names}
    tables = {
        "prompts": prompts(*names),
        "responses": responses(given),
        "marks": scores({one: float(text == "right") for one, text in given.items()}),
        "grades": scores(dict.fromkeys(given, 0.5)),
        "revised": responses(after, parents),
        "again": responses(dict.fromkeys(after, "x"), parents),
    }
    measure = AllOf(measures=[RANKED, MENDED])
    assert (measure.of, measure.control) == ("marks", "grades")
    assert set(measure.stages()) | set(measure.control_stages()) == set(tables)
    found = measure.figures(tables, tables, checks=CHECKS)
    assert found.verdict == "held"
    assert found.says.count("(held)") == 2
    assert found.says.startswith("marks against grades: ")
    assert "; and revised against again: " in found.says


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"measures": [RANKED]}, "at least 2 items"),
        ({"measures": [RANKED, MENDED], "of": "marks"}, "leave them out"),
        ({"measures": [RANKED, {"use": "claims.RewardAcuracy"}]}, "did you mean"),
        ({"measures": [RANKED, {"use": "filters.Best"}]}, "is not a measure"),
    ],
)
def test_what_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AllOf(**fields)


def test_a_measure_may_be_given_as_it_is() -> None:
    made = RewardAccuracy(of="marks", control="grades")
    assert AllOf(measures=[made, MENDED]).measures[0] == made
