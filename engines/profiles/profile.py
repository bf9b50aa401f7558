"""A profile: the defaults of operators' parameters that depend on the model.

The shipped profiles are the YAML files next to this module; ``docs/profiles.md`` says where their
figures come from.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

import yaml
from pydantic import Field

from schemas.parameters import Parameters

Value = TypeVar("Value")
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Optimizer = Literal[
    "adamw_torch_fused", "adafactor", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit"
]
"""Optimizers by their names in Transformers."""


class LearningRate(Parameters):
    """A learning rate that was found for one size of model.

    Attributes:
        value: the rate for a model with ``parameters`` weights.
        parameters: the number of weights.
    """

    value: Positive
    parameters: Positive

    def of(self, parameters: float | None) -> float:
        """The rate for a model with ``parameters`` weights: ``value`` · √(``self.parameters`` /
        ``parameters``), to two digits. ``value`` itself if their number is not known."""
        if parameters is None:
            return self.value
        return float(f"{self.value * math.sqrt(self.parameters / parameters):.1e}")


class ByTraining(Parameters, Generic[Value]):
    """A value for each kind of training.

    Attributes:
        sft: of `trainers.SFT`.
        dpo: of `trainers.DPO` and `trainers.TPO`.
        policy_gradient: of `trainers.PolicyGradient`.
        reward: of `trainers.RewardModel`.
        prm: of `trainers.PRM` and `trainers.ValueHead`.
    """

    sft: Value | None = None
    dpo: Value | None = None
    policy_gradient: Value | None = None
    reward: Value | None = None
    prm: Value | None = None


class LoRADefaults(Parameters):
    """Parameters of `trainers.LoRA`. What is not set has its default there."""

    rank: Count | None = None
    alpha: Count | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    targets: Literal["all-linear"] | tuple[str, ...] | None = None


class Profile(Parameters):
    """Defaults of parameters. One that is not set does not change the operators' own default.

    Attributes:
        dtype: the number type of the weights, unless the role sets it.
        sums_spellings: whether the spellings of an option are summed, unless the role sets it.
        temperature: of what is sampled.
        top_p: of what is sampled.
        top_k: of what is sampled; 0 for all tokens.
        max_tokens: the longest answer or continuation of an answer, in tokens.
        revision_tokens: the longest critique or revised answer.
        verdict_tokens: the longest verdict that a judge writes.
        checklist_tokens: the longest checklist.
        reply_tokens: the longest reply of a word or a number.
        steps: what a step of an answer is.
        learning_rate: of each kind of training of all weights.
        lora_learning_rate: of each kind of training with LoRA.
        epochs: of each kind of training.
        batch_size: rows in a forward pass.
        gradient_accumulation: forward passes in an optimizer step.
        max_length: the longest row of a training, in tokens.
        lora: trains a low-rank difference; null trains all weights.
        optimizer: of a training, by its name in Transformers.
        devices: the GPUs, or processes on a CPU, that share a training.
        shard: whether each of them keeps a part of the model.
        criteria: what a model is told of a good answer (`annotators.DensityRatio`).
        exemplars: a prompt with a better and a worse answer, each.
        positive_followups: what a satisfied user says next (`annotators.FollowupLikelihood`).
        negative_followups: what a dissatisfied user says next.
        min_standard_margin: the smallest margin of a pair whose scores the model chose, in standard
            deviations of all these scores (`filters.BestWorst`).
        force: the words before an answer that is forced (`annotators.RolloutValue`).
    """

    dtype: Literal["float32", "bfloat16", "float16", "auto"] | None = None
    sums_spellings: bool | None = None
    temperature: Annotated[float, Field(ge=0)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    max_tokens: Count | None = None
    revision_tokens: Count | None = None
    verdict_tokens: Count | None = None
    checklist_tokens: Count | None = None
    reply_tokens: Count | None = None
    steps: Literal["line", "paragraph"] | None = None
    learning_rate: ByTraining[Positive | LearningRate] | None = None
    lora_learning_rate: ByTraining[Positive | LearningRate] | None = None
    epochs: ByTraining[Positive] | None = None
    batch_size: Count | None = None
    gradient_accumulation: Count | None = None
    max_length: Annotated[int, Field(ge=2)] | None = None
    lora: LoRADefaults | None = None
    optimizer: Optimizer | None = None
    devices: Count | None = None
    shard: bool | None = None
    criteria: str | None = None
    exemplars: tuple[Mapping[Literal["prompt", "chosen", "rejected"], str], ...] | None = None
    positive_followups: tuple[str, ...] | None = None
    negative_followups: tuple[str, ...] | None = None
    min_standard_margin: Annotated[float, Field(ge=0)] | None = None
    force: str | None = None

    def sets(self, name: str) -> bool:
        """Whether the profile has a value for ``name``, such as ``learning_rate.dpo``."""
        part: Any = self
        for field in name.split("."):
            if not isinstance(part, Parameters) or field not in part.model_fields_set:
                return False
            part = getattr(part, field)
        return True

    def value(self, name: str) -> Any:
        """The value for ``name``, such as ``learning_rate.dpo``."""
        part: Any = self
        for field in name.split("."):
            part = getattr(part, field)
        return part


def merged(base: Profile, over: Profile) -> Profile:
    """``base`` with the values that ``over`` sets, those of each kind of training by themselves."""
    return Profile.model_validate(_merged(_given(base), _given(over)))


def _given(profile: Profile) -> dict[str, Any]:
    return profile.model_dump(exclude_unset=True, include=set(Profile.model_fields))


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    nested = {"learning_rate", "lora_learning_rate", "epochs"}
    return {
        **base,
        **{
            name: {**base[name], **value} if name in nested and base.get(name) and value else value
            for name, value in over.items()
        },
    }


def _shipped() -> dict[str, Profile]:
    files = Path(__file__).parent.glob("*.yaml")
    read = {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in files}
    return {name: Profile.model_validate(values) for name, values in sorted(read.items())}


SHIPPED: Mapping[str, Profile] = _shipped()
"""The shipped profiles, by name."""
