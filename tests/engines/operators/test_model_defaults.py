"""Parameters that a recipe does not set have the defaults of the role's model."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from annotators import Checklist, DensityRatio, FirstError, Judge, RolloutValue
from engines.bindings import Binding
from engines.operators.model_defaults import RoleDefaults, with_model_defaults
from engines.profiles import SHIPPED
from engines.protocol import EngineError
from generators import Sample, TreeSearch
from schemas import Operator
from trainers import DPO, SFT, LoRA

ROLES = ("policy", "judge", "strong", "weak", "writer", "reward")


def filled(operator: Operator, profile: str = "chat", **binding: Any) -> Any:
    """``operator`` with the defaults of a profile; ``binding`` changes the binding of all roles."""
    bound = Binding(**{"model": "none", "profile": profile} | binding)
    roles = {role: RoleDefaults(role, bound, SHIPPED[profile]) for role in ROLES}
    return with_model_defaults(operator, roles)[0]


def test_what_the_recipe_sets_stays_and_the_rest_comes_from_the_profile() -> None:
    sample = filled(Sample(temperature=0.3))
    assert sample.temperature == 0.3
    assert sample.top_p == SHIPPED["chat"].top_p
    assert sample.max_tokens == SHIPPED["chat"].max_tokens
    assert sample.n == 1


def test_each_value_tells_its_origin() -> None:
    bound = Binding(model="none", defaults={"max_tokens": 99})
    roles = {"policy": RoleDefaults("policy", bound, SHIPPED["chat"])}
    sample, origins = with_model_defaults(Sample(top_k=5), roles)
    assert isinstance(sample, Sample)
    assert sample.max_tokens == 99
    assert origins["max_tokens"] == "defaults of policy"
    assert origins["temperature"] == "profile chat"
    assert "top_k" not in origins


def test_an_earlier_policy_has_the_defaults_of_the_policy() -> None:
    assert filled(Sample(model="policy@initial")).max_tokens == SHIPPED["chat"].max_tokens


def test_an_operator_of_an_unknown_role_keeps_its_own_defaults() -> None:
    assert filled(Sample(model="other")).max_tokens == Sample().max_tokens


def test_nested_parameters_and_operators_are_filled() -> None:
    search = filled(TreeSearch(scorer=RolloutValue(steps="last", k=2)), "reasoning")
    assert search.proposer.max_tokens == SHIPPED["reasoning"].max_tokens
    assert search.scorer.max_tokens == SHIPPED["reasoning"].max_tokens
    assert search.scorer.k == 2


def test_a_kind_of_text_has_its_own_length() -> None:
    chat = SHIPPED["chat"]
    assert filled(Sample(writes="reply")).max_tokens == chat.reply_tokens
    assert filled(Judge(verdict="sampled")).max_tokens == chat.verdict_tokens
    assert filled(FirstError(by="judge")).max_tokens == chat.verdict_tokens
    assert filled(FirstError()).max_tokens == chat.max_tokens
    assert filled(RolloutValue(forced=True)).max_tokens == chat.reply_tokens


def test_a_checklist_is_as_long_as_its_writer_needs_and_an_answer_as_the_judge_needs() -> None:
    roles = {
        "judge": RoleDefaults("judge", Binding(model="none"), SHIPPED["pocket"]),
        "writer": RoleDefaults("writer", Binding(model="none"), SHIPPED["chat"]),
    }
    checklist, _ = with_model_defaults(Checklist(writer="writer"), roles)
    assert isinstance(checklist, Checklist)
    assert checklist.max_tokens == SHIPPED["chat"].checklist_tokens
    assert checklist.answer_tokens == SHIPPED["pocket"].reply_tokens


def test_sampling_in_the_generation_config_goes_before_the_profile(tmp_path: Path) -> None:
    config = {"temperature": 0.6, "top_k": 20, "max_new_tokens": 5, "do_sample": True}
    (tmp_path / "generation_config.json").write_text(json.dumps(config))
    sample = filled(Sample(), model=str(tmp_path), defaults={"top_k": 7})
    assert (sample.temperature, sample.top_k) == (0.6, 7)
    assert sample.top_p == SHIPPED["chat"].top_p
    assert sample.max_tokens == SHIPPED["chat"].max_tokens


def test_an_impossible_generation_config_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "generation_config.json").write_text('{"top_p": 100}')
    with pytest.raises(EngineError, match=r"impossible top_p.*set top_p in defaults:"):
        filled(Sample(), model=str(tmp_path))


LLAMA = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "vocab_size": 128256,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
}
"""Llama 3.1 8B, which has 8.03 billion weights."""


def test_a_small_model_learns_at_a_higher_rate(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    assert filled(DPO(of="pairs"), model=str(tmp_path)).learning_rate == 5e-7
    quarter = LLAMA | {"num_hidden_layers": 4, "vocab_size": 30000}
    (tmp_path / "config.json").write_text(json.dumps(quarter))
    assert 1e-6 < filled(DPO(of="pairs"), model=str(tmp_path)).learning_rate < 1.5e-6


def test_with_lora_another_learning_rate_is_the_default() -> None:
    assert filled(DPO(of="pairs", lora=LoRA())).learning_rate == pytest.approx(5e-6)
    by_role = filled(SFT(of="rows"), defaults={"lora": {"rank": 8}})
    assert by_role.lora == LoRA(rank=8)
    assert by_role.learning_rate == pytest.approx(5e-5)
    assert filled(DPO(of="pairs", lora=LoRA(), learning_rate=1e-3)).learning_rate == 1e-3


def test_a_role_changes_the_rate_of_one_kind_of_training() -> None:
    change = {"learning_rate": {"dpo": 1e-6}}
    assert filled(DPO(of="pairs"), defaults=change).learning_rate == 1e-6
    assert filled(SFT(of="rows"), defaults=change).learning_rate == 5e-6


def test_a_role_says_on_what_its_trainings_run() -> None:
    change = {"devices": 8, "shard": True, "optimizer": "adafactor"}
    trainer = filled(SFT(of="rows"), defaults=change)
    assert (trainer.devices, trainer.shard, trainer.optimizer) == (8, True, "adafactor")
    assert filled(SFT(of="rows", devices=2), defaults=change).devices == 2


def test_criteria_are_those_of_the_model_if_the_recipe_asks_for_some() -> None:
    pocket = filled(DensityRatio(by_criteria=True), "pocket")
    assert pocket.criteria == SHIPPED["pocket"].criteria
    assert len(pocket.exemplars) == 1
    assert filled(DensityRatio(by_criteria=True)).criteria
    assert filled(DensityRatio(), "pocket").criteria is None
    own = filled(DensityRatio(by_criteria=True, criteria="Be brief."), "pocket")
    assert (own.criteria, own.exemplars) == ("Be brief.", ())


def test_defaults_that_do_not_fit_the_recipe_are_refused() -> None:
    with pytest.raises(ValidationError, match="votes at temperature 0"):
        filled(Judge(verdict="sampled", votes=3), defaults={"temperature": 0})
