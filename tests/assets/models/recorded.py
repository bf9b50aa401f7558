"""Trainers for tests: one writes down what it was given, one learns the contrary."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from trainers import DPO, RewardModel
from trainers.training.tokenization import Reader

LEARNED: list[str] = []
"""The ids of the prompts of all rows that were encoded for training."""


class RecordedDPO(DPO):
    """DPO that appends the text of each prompt it learns to `LEARNED`."""

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        LEARNED.append("\n".join(message["content"] for message in row["prompt"]))
        return super().encode(row, reader)


class Contrary(RewardModel):
    """A reward model that learns to prefer what was rejected."""

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        swapped = {"chosen": "rejected", "rejected": "chosen"}
        return super().examples(frame).rename(swapped)
