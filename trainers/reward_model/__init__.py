"""Outcome reward models."""

from trainers.reward_model.reward_model import RewardModel

__all__ = ["RewardModel"]
