"""What the reference gives the answers of a training: computed once, then kept beside the journal.

A reference is the policy as it was given, so what it gives a pair is decided by its weights, the
pair's token ids and weights, and the arithmetic. That is the key, as `engines.journal.identity` is
of an answer; learning rate, loss or seed are not in it, so a training with others, or one that was
killed, asks the reference nothing again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from schemas import content_id
from schemas.atomic import write_file

VERSION = 1
"""Of what is in the key, and of how the figures are computed."""
CELLS = {"cpu": 2_048, "cuda": 16_384}
"""Tokens of a forward pass, padding among them: what a processor's cache holds, and what keeps a
GPU busy."""


@dataclass(frozen=True)
class Reference:
    """The ``revision`` of the weights with their number type, the ``arithmetic`` of forward passes
    (``float32`` or ``bfloat16``), and the ``folder`` in which figures are kept."""

    revision: str
    arithmetic: str
    folder: Path

    def figures(
        self, examples: Sequence[dict[str, Any]], compute: Callable[[], dict[str, list[float]]]
    ) -> dict[str, list[float]]:
        """Columns of one figure an example: those that were kept, else those of ``compute``."""
        libraries = {name: version(name) for name in ("torch", "transformers")}
        key = content_id(VERSION, self.revision, self.arithmetic, libraries, list(examples))
        path = self.folder / f"{key}.parquet"
        if path.exists():
            return pl.read_parquet(path).to_dict(as_series=False)
        found = compute()
        self.folder.mkdir(parents=True, exist_ok=True)
        # Two trainings may compute the same; either's file is complete, and they are alike.
        content = BytesIO()
        pl.DataFrame(found).write_parquet(content)
        write_file(path, content.getvalue())
        return found


def batches(lengths: Sequence[int], *, rows: int, cells: int) -> list[list[int]]:
    """Examples by number, in batches of about the same length, the longest first: at most ``cells``
    tokens in a batch of ``rows`` sequences an example, unless a single one has more."""
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    made: list[list[int]] = []
    room = 0
    for number in order:
        if room == 0:
            made.append([])
            room = max(1, cells // (rows * max(1, lengths[number])))
        made[-1].append(number)
        room -= 1
    return made
