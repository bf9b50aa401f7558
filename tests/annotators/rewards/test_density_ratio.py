"""DensityRatio: who is told what, and how the two models are compared."""

from typing import Any

import polars as pl
import pytest
from polars.testing import assert_series_equal
from pydantic import ValidationError

from annotators import DensityRatio, Likelihood
from engines.bindings import Binding
from generators import Sample

ROLES = {name: Binding(model=name) for name in ("policy", "strong", "weak")}
EXEMPLAR = {"prompt": "1 + 1?", "chosen": "two", "rejected": "three"}


def tables(stand: Any, *texts: str) -> dict[str, pl.DataFrame]:
    prompts = stand.prompts(*texts)
    responses = Sample(n=3).run({"prompts": prompts}, stand.context()).kept
    stand.asked.clear()
    return {"prompts": prompts, "responses": responses}


@pytest.mark.parametrize("normalise", ["sum", "token"])
def test_it_is_one_likelihood_less_the_other(normalise: Any, stand: Any) -> None:
    made = tables(stand, "a", "b")
    ratios = DensityRatio(normalise=normalise, probes="off").run(made, stand.context(roles=ROLES))
    strong, weak = (
        Likelihood(model=role, normalise=normalise).run(made, stand.context(roles=ROLES)).kept
        for role in ("strong", "weak")
    )
    assert_series_equal(ratios.kept["value"], strong["value"] - weak["value"])
    name = {"sum": "density_ratio", "token": "density_ratio_per_token"}[normalise]
    row = ratios.kept.row(0, named=True)
    assert row["annotator"] == name
    assert row["origin"]["model"] == "answering-strong over answering-weak"


def test_the_strong_model_alone_is_told_what_is_wanted(stand: Any) -> None:
    made = tables(stand, "What is it?")
    operator = DensityRatio(criteria="Be brief.", exemplars=[EXEMPLAR], probes="off")
    operator.run(made, stand.context(roles=ROLES))
    asked = [prompt for verb, prompt, *_ in stand.asked if verb == "score"]
    told = [prompt for prompt in asked if "Be brief." in prompt]
    assert len(told) == len(asked) - len(told) == 3
    assert all(part in told[0] for part in ("What is it?", "1 + 1?", "two", "three"))
    assert {prompt for prompt in asked if prompt not in told} == {"user: What is it?"}


def test_without_criteria_both_are_asked_as_the_prompt_stands(stand: Any) -> None:
    made = tables(stand, "What is it?")
    DensityRatio(probes="off").run(made, stand.context(roles=ROLES))
    assert {prompt for _, prompt, *_ in stand.asked} == {"user: What is it?"}


def test_the_end_is_scored_where_the_author_ended(stand: Any) -> None:
    made = tables(stand, "a", "b", "c")
    DensityRatio(probes="off").run(made, stand.context(roles=ROLES))
    ended = dict(made["responses"].select("text", pl.col("finish") == "stop").rows())
    assert {text: end for _, _, text, end in stand.asked} == ended
    assert set(ended.values()) == {True, False}


def test_a_model_over_itself_needs_criteria() -> None:
    with pytest.raises(ValidationError, match="always 0"):
        DensityRatio(strong="policy", weak="policy")
    assert DensityRatio(strong="policy", weak="policy", criteria="Be brief.").strong == "policy"


def test_it_is_probed(stand: Any) -> None:
    context = stand.context(roles=ROLES)
    probes = DensityRatio(probes="warn").run(tables(stand, "a", "b"), context).report.probes
    assert probes is not None
    assert {each.probe for each in probes.results} >= {"empty", "openers"}
