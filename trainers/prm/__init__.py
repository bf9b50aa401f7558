"""Process reward models."""

from trainers.prm.prm import PRM, ValueHead

__all__ = ["PRM", "ValueHead"]
