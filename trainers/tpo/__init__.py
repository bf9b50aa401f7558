"""Tree preference optimization."""

from trainers.tpo.tpo import TPO

__all__ = ["TPO"]
