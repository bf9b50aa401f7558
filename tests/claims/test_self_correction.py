"""SelfCorrection: what later attempts do to earlier ones."""

import pytest

from claims import SelfCorrection, UnmeasurableError
from tests.claims.tables import CHECKS, prompts, responses

FIRST = {"a1": "right", "b1": "wrong", "c1": "wrong", "d1": "right", "e1": "right"}
LATER = {"a2": "right", "b2": "wrong", "b3": "right", "c2": "wrong", "d2": "wrong"}
PARENTS = {"a2": "a1", "b2": "b1", "b3": "b2", "c2": "c1", "d2": "d1"}
ASKED = prompts(*"abcde")


def slow() -> float:
    """The last attempts of all chains less the first ones, by hand: a and e stay, b is mended, d is
    lost."""
    ends = {"a1": "a2", "b1": "b3", "c1": "c2", "d1": "d2", "e1": "e1"}
    texts = FIRST | LATER
    return sum(
        (texts[last] == "right") - (texts[first] == "right") for first, last in ends.items()
    ) / len(ends)


@pytest.mark.parametrize("apart", [True, False])
def test_last_attempts_are_compared_with_first_ones(apart: bool) -> None:
    later = responses(LATER, PARENTS)
    if apart:
        tables = {"prompts": ASKED, "drafts": responses(FIRST), "revised": later}
        measure = SelfCorrection(of="revised", first="drafts")
    else:
        tables = {"prompts": ASKED, "revised": responses(FIRST | LATER, PARENTS)}
        measure = SelfCorrection(of="revised")
    found = measure.figures(tables, {}, checks=CHECKS)
    assert found.measured == pytest.approx(slow())
    assert found.verdict == "undecided"
    assert "from 60.0% to 60.0% right" in found.says
    assert "2 of 3 stay right, 1 of 2 are put right, 20.0% of all go from right to wrong" in (
        found.says
    )
    assert set(measure.stages()) <= {*tables}


def test_a_control_that_mends_less_is_beaten() -> None:
    names = [chr(code) for code in range(ord("A"), ord("Z"))]
    drafts = responses({f"{name}1": "wrong" for name in names})
    parents = {f"{name}2": f"{name}1" for name in names}
    asked = prompts(*names)

    def told(text: str) -> dict[str, object]:
        revised = responses({f"{name}2": text for name in names}, parents)
        return {"prompts": asked, "drafts": drafts, "revised": revised}

    measure = SelfCorrection(of="revised", first="drafts", control="revised")
    found = measure.figures(told("right"), told("wrong"), checks=CHECKS)
    assert (found.measured, found.control, found.verdict) == (1.0, 0.0, "held")
    with pytest.raises(UnmeasurableError, match="of no attempt is it known"):
        measure.figures(told("right"), told("wrong"), checks={})
