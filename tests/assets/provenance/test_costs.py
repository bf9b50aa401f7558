"""What the newest run of a recipe cost, for each prompt."""

from typing import Any

import pytest

from assets.provenance.costs import newest_costs


def test_the_cost_of_a_run_for_each_prompt(ran: Any) -> None:
    workshop, outcome = ran
    workshop.recipe("not_run")
    project = workshop.project()
    planned = {
        name: project.recipes[name].planned(project.settings) for name in ("first", "not_run")
    }
    (found,) = newest_costs(planned).items()
    name, cost = found
    assert (name, cost.refresh, cost.prompts) == ("first", outcome.refresh, 6)
    # Two responses for each prompt; the validation of the policy is left out.
    (role,) = cost.roles
    assert role.role == "policy"
    assert role.calls + cost.journaled == pytest.approx(2)
    told = outcome.stages["responses"]["by_role"]["policy"]
    assert role.answer_tokens == pytest.approx(told["answer_tokens"] / 6)
