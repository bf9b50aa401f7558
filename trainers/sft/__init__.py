"""Supervised fine-tuning."""

from trainers.sft.sft import SFT

__all__ = ["SFT"]
