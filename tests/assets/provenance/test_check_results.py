"""The newest results of checks, as cards and reports tell them."""

from typing import Any

from assets.provenance.check_results import latest_checks


def test_a_check_that_decided_nothing_neither_passed_nor_failed(ran: tuple[Any, Any]) -> None:
    workshop, _ = ran
    workshop.recipe("control")
    measure = {"use": "claims.PolicyGain", "of": "validated", "control": "validated"}
    workshop.recipe("claimed", control="control", measure=measure)
    assert _verdicts(workshop) == {"claim": "not measured", "schema": "passed"}
    # The same recipe on the same prompts: a difference of 0, which decides nothing.
    workshop.run("control", shown=True)
    assert _verdicts(workshop) == {"claim": "undecided", "schema": "passed"}


def _verdicts(workshop: Any) -> dict[str, str]:
    workshop.run("claimed", shown=True)
    project = workshop.project()
    stages = project.recipes["claimed"].planned(project.settings)
    verdicts = {each.name: each.verdict for each in latest_checks("claimed", stages)}
    return {name: verdicts[name] for name in ("claim", "schema")}
