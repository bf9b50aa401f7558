"""Outcome reward models."""

from trainers.reward_model.attributes import AttributeRegression
from trainers.reward_model.mixture import MixtureReward
from trainers.reward_model.reward_model import RewardModel

__all__ = ["AttributeRegression", "MixtureReward", "RewardModel"]
