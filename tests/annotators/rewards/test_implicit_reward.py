"""ImplicitReward: which two models are compared."""

from typing import Any

import polars as pl
import pytest
from polars.testing import assert_series_equal
from pydantic import ValidationError

from annotators import ImplicitReward, Likelihood
from engines.bindings import Binding
from generators import Sample
from schemas import Checkpoints, rows

ROLES = {"policy": Binding(model="policy"), "policy@initial": Binding(model="first")}


def tables(stand: Any) -> dict[str, pl.DataFrame]:
    prompts = stand.prompts("a", "b")
    responses = Sample(n=3).run({"prompts": prompts}, stand.context()).kept
    return {"prompts": prompts, "responses": responses}


def likelihood(stand: Any, made: dict[str, pl.DataFrame], model: str) -> pl.Series:
    context = stand.context(roles={"policy": Binding(model=model)})
    return Likelihood().run(made, context).kept["value"]


def checkpoint(path: str, start: str) -> dict[str, Any]:
    return {
        "path": path,
        "start": start,
        "trained": True,
        "rows": 1,
        "steps": 1,
        "seconds": 1.0,
        "metrics": "{}",
    }


def test_the_policy_over_its_reference_times_beta(stand: Any) -> None:
    made = tables(stand)
    found = ImplicitReward(beta=0.5, probes="off").run(made, stand.context(roles=ROLES)).kept
    expected = 0.5 * (likelihood(stand, made, "policy") - likelihood(stand, made, "first"))
    assert_series_equal(found["value"], expected)
    assert found["annotator"].unique().to_list() == ["implicit_reward"]
    assert found["origin"].struct.field("model")[0] == "answering-policy over answering-first"


def test_a_checkpoint_is_compared_with_what_it_started_from(stand: Any) -> None:
    made = tables(stand)
    trained = rows(Checkpoints, [checkpoint("trained", "start")])
    operator = ImplicitReward(beta=1.0, checkpoint="train", probes="off")
    found = operator.run({**made, "train": trained}, stand.context(roles=ROLES)).kept
    expected = likelihood(stand, made, "trained") - likelihood(stand, made, "start")
    assert_series_equal(found["value"], expected)


def test_its_stage_reads_the_one_that_trains() -> None:
    read = {each.field: each.tables for each in ImplicitReward(checkpoint="train").inputs()}
    assert read["checkpoint"] == (Checkpoints,)
    assert "checkpoint" not in {each.field for each in ImplicitReward().inputs()}


def test_without_a_checkpoint_as_before_the_first_refresh_the_roles_keep_their_weights(
    stand: Any,
) -> None:
    made = {**tables(stand), "train@previous": rows(Checkpoints, [])}
    plain, carried = (
        ImplicitReward(checkpoint=checkpoint, probes="off")
        .run(made, stand.context(roles=ROLES))
        .kept["value"]
        for checkpoint in (None, "train@previous")
    )
    assert_series_equal(plain, carried)


def test_a_policy_over_itself_is_refused() -> None:
    with pytest.raises(ValidationError, match="always 0"):
        ImplicitReward(reference="policy")
