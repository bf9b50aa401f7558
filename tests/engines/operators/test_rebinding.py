"""A role with the weights of an earlier stage: those weights, and all else the role's."""

from typing import Any

import pytest

from engines.bindings import Binding
from engines.operators.rebinding import bind_checkpoint, with_weights
from engines.protocol import EngineError
from schemas import Checkpoints, rows

ROLES = {
    "policy": Binding(model="start", revision="abc", dtype="bfloat16", device="cpu"),
    "judge": Binding(
        model="start",
        engine="openai",
        url="http://127.0.0.1:9/v1",
        served_as="judge",
        dtype="float32",
        options={"timeout": 1},
    ),
    "server": Binding(engine="openai", url="http://127.0.0.1:9/v1", served_as="judge"),
}


def checkpoints(*paths: str) -> Any:
    given = {"start": "start", "trained": True, "rows": 1, "steps": 1, "seconds": 1.0}
    return rows(Checkpoints, [{"path": path, "metrics": "{}", **given} for path in paths])


def test_the_role_has_the_stages_weights_and_the_others_their_own(stand: Any) -> None:
    context = stand.context(roles=ROLES)
    found = bind_checkpoint(context, "policy", checkpoints("trained"), stage="ahead").roles
    assert found["policy"] == Binding(model="trained", dtype="bfloat16", device="cpu")
    assert {**found, "policy": ROLES["policy"]} == context.roles


def test_where_nothing_was_trained_the_role_stays_as_it_was(stand: Any) -> None:
    context = stand.context(roles=ROLES)
    assert (
        bind_checkpoint(context, "policy", checkpoints("start"), stage="ahead").roles
        == context.roles
    )


@pytest.mark.parametrize("role", ["judge", "server"])
def test_a_served_role_answers_in_process(role: str, stand: Any) -> None:
    found = with_weights(stand.context(roles=ROLES), role, "trained").roles[role]
    assert (found.model, found.engine, found.url) == ("trained", "transformers", None)
    assert found.dtype == ROLES[role].dtype
    assert not found.options


def test_without_a_checkpoint_as_before_the_first_refresh_the_role_keeps_its_weights(
    stand: Any,
) -> None:
    context = stand.context(roles=ROLES)
    assert bind_checkpoint(context, "policy", checkpoints(), stage="ahead@previous") == context


def test_of_two_checkpoints_none_is_taken(stand: Any) -> None:
    with pytest.raises(EngineError, match="'ahead', which gave 2"):
        bind_checkpoint(stand.context(), "policy", checkpoints("one", "other"), stage="ahead")


def test_an_unbound_role_is_named(stand: Any) -> None:
    with pytest.raises(EngineError, match="'prover', which is not bound"):
        with_weights(stand.context(), "prover", "trained")
