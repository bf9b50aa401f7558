"""A small reward of the scores of several annotators."""

from trainers.blend.blend import Blend

__all__ = ["Blend"]
