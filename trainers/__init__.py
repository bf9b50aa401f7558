"""Trainers train a policy or reward model on curated rows; `Validate`, `PreferenceAccuracy`,
`RewardAccuracy`, `StepAccuracy` and `Harness` measure the result."""

from trainers.blend.blend import Blend
from trainers.consistency.consistent_views import ConsistentViews
from trainers.dpo.dpo import DPO
from trainers.evaluation.harness import Harness
from trainers.evaluation.preference_accuracy import PreferenceAccuracy
from trainers.evaluation.reward_accuracy import RewardAccuracy
from trainers.evaluation.step_accuracy import StepAccuracy
from trainers.evaluation.validate import Validate
from trainers.policy_gradient.policy_gradient import PolicyGradient
from trainers.prm.prm import PRM, ValueHead
from trainers.reward_model.attributes import AttributeRegression
from trainers.reward_model.mixture import MixtureReward
from trainers.reward_model.reward_model import RewardModel
from trainers.sft.sft import SFT
from trainers.tpo.tpo import TPO
from trainers.training.method import LoRA
from trainers.training.trainer import Trainer

__all__ = [
    "DPO",
    "PRM",
    "SFT",
    "TPO",
    "AttributeRegression",
    "Blend",
    "ConsistentViews",
    "Harness",
    "LoRA",
    "MixtureReward",
    "PolicyGradient",
    "PreferenceAccuracy",
    "RewardAccuracy",
    "RewardModel",
    "StepAccuracy",
    "Trainer",
    "Validate",
    "ValueHead",
]
