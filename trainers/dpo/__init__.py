"""Direct preference optimization."""

from trainers.dpo.dpo import DPO

__all__ = ["DPO"]
