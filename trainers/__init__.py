"""Learn and measure: curated rows → a trained policy → what it answers right, before and after."""

from trainers.dpo import DPO
from trainers.prm import PRM, ValueHead
from trainers.reward_model import RewardModel
from trainers.sft import SFT
from trainers.tpo import TPO
from trainers.trainer import LoRA, Trainer
from trainers.validate import Validate

__all__ = ["DPO", "PRM", "SFT", "TPO", "LoRA", "RewardModel", "Trainer", "Validate", "ValueHead"]
