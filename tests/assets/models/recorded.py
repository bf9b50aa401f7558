"""A trainer that writes down what it was given."""

from collections.abc import Mapping
from typing import Any

from trainers import DPO
from trainers.training.tokenization import Reader

LEARNED: list[str] = []
"""The ids of the prompts of all rows that were encoded for training."""


class RecordedDPO(DPO):
    """DPO that appends the text of each prompt it learns to `LEARNED`."""

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        LEARNED.append("\n".join(message["content"] for message in row["prompt"]))
        return super().encode(row, reader)
