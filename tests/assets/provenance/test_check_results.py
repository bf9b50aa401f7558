"""The newest results of checks, as cards and reports tell them."""

from typing import Any

from assets.provenance.check_results import latest_checks


def test_a_check_that_measured_nothing_neither_passed_nor_failed(ran: tuple[Any, Any]) -> None:
    workshop, _ = ran
    workshop.recipe("control")
    measure = {"use": "claims.PolicyGain", "of": "validated", "control": "validated"}
    workshop.recipe("claimed", control="control", measure=measure)
    workshop.run("claimed", shown=True)
    project = workshop.project()
    stages = project.recipes["claimed"].planned(project.settings)
    verdicts = {each.name: each.verdict for each in latest_checks("claimed", stages)}
    assert verdicts["claim"] == "not measured"
    assert verdicts["schema"] == "passed"
