"""Choose: scores → pairs, labels, kept rows. Pure Polars, no model is ever called."""

from filters.best import Best
from filters.best_worst import BestWorst
from filters.decontaminate import Decontaminate
from filters.deduplicate import Deduplicate
from filters.filter import Filter
from filters.mix import mix
from filters.random_pairs import RandomPairs
from filters.threshold import Threshold

__all__ = [
    "Best",
    "BestWorst",
    "Decontaminate",
    "Deduplicate",
    "Filter",
    "RandomPairs",
    "Threshold",
    "mix",
]
