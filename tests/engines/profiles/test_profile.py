"""Profiles: complete, typed, and changed value by value."""

import pytest
from pydantic import ValidationError

from engines.profiles import SHIPPED, ByTraining, LearningRate, Profile, merged

WORDS = {"criteria", "exemplars", "positive_followups", "negative_followups", "force"}
"""Defaults that the operators themselves have for models of every kind."""


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_profile_has_every_value(name: str) -> None:
    profile = SHIPPED[name]
    assert set(Profile.model_fields) - WORDS <= profile.model_fields_set
    for field in ("learning_rate", "lora_learning_rate", "epochs"):
        assert getattr(profile, field).model_fields_set == set(ByTraining.model_fields)


def test_a_change_leaves_all_other_values() -> None:
    change = Profile.model_validate({"max_tokens": 9, "learning_rate": {"dpo": 1e-6}})
    changed = merged(SHIPPED["chat"], change)
    assert changed.max_tokens == 9
    assert changed.value("learning_rate.dpo") == 1e-6
    assert changed.value("learning_rate.sft") == SHIPPED["chat"].value("learning_rate.sft")
    assert changed.temperature == SHIPPED["chat"].temperature


def test_null_is_a_value() -> None:
    lora = merged(SHIPPED["chat"], Profile.model_validate({"lora": {}}))
    assert lora.sets("lora")
    assert merged(lora, Profile.model_validate({"lora": None})).lora is None


def test_a_rate_falls_with_the_square_root_of_the_size() -> None:
    rate = LearningRate(value=4e-7, parameters=8e9)
    assert rate.of(8e9) == 4e-7
    assert rate.of(2e9) == 8e-7
    assert rate.of(None) == 4e-7


@pytest.mark.parametrize("wrong", [{"max_tokens": 0}, {"top_p": 2}, {"learning_rate": {"ppo": 1}}])
def test_a_wrong_value_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Profile.model_validate(wrong)
