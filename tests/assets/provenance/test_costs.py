"""What the newest run of a recipe cost, for each prompt."""

from typing import Any

import pytest

from assets.provenance.costs import newest_costs
from tests.assets.conftest import SAMPLED


def test_the_cost_of_a_run_for_each_prompt(ran: Any) -> None:
    workshop, _ = ran
    # Two of three responses are in the journal, if another recipe was the first to ask.
    workshop.recipe("costly", {"responses": {**SAMPLED, "n": 3}})
    workshop.recipe("not_run")
    outcome = workshop.run("costly", shown=True)
    project = workshop.project()
    planned = {
        name: project.recipes[name].planned(project.settings) for name in ("costly", "not_run")
    }
    (found,) = newest_costs(planned).items()
    name, cost = found
    assert (name, cost.refresh, cost.prompts) == ("costly", outcome.refresh, 6)
    (role,) = cost.roles
    assert role.role == "policy"
    assert role.calls + cost.journaled == pytest.approx(3)
    told = outcome.stages["responses"]["by_role"]["policy"]
    assert role.answer_tokens == pytest.approx(told["answer_tokens"] / 6)
