"""Reference log-probs of training examples, computed once and stored next to the journal.

The reference is the policy before training, or another one. Its log-probs depend on its weights, on
the token ids and weights of the examples, and on the arithmetic; these are the key. Learning rate,
loss and seed are not part of it. So a training with other settings, or one that was killed, does
not compute them again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from engines.bindings import Binding
from schemas import content_id
from schemas.atomic import write_file

VERSION = 1
"""The version of the key and of the computation."""
CELLS = {"cpu": 2_048, "cuda": 16_384}
"""Tokens of a forward pass, padding included: as many as a processor's cache holds, and enough to
keep a GPU busy."""


@dataclass(frozen=True)
class Reference:
    """The stored log-probs of a reference. ``revision``: its weights and number type.
    ``arithmetic``: that of forward passes (``float32`` or ``bfloat16``). ``folder``: where they are
    stored. ``model``: what to load, on the CPU; None if it is the policy before training."""

    revision: str
    arithmetic: str
    folder: Path
    model: Binding | None = None

    def figures(
        self, examples: Sequence[dict[str, Any]], compute: Callable[[], dict[str, list[Any]]]
    ) -> dict[str, list[Any]]:
        """Columns with one value per example, a number or a list of numbers: stored ones, or else
        the result of ``compute``."""
        libraries = {name: version(name) for name in ("torch", "transformers")}
        key = content_id(VERSION, self.revision, self.arithmetic, libraries, list(examples))
        path = self.folder / f"{key}.parquet"
        # The first process says whether there is a file, so that all compute, or none.
        if broadcast_object_list([path.exists()])[0]:
            return pl.read_parquet(path).to_dict(as_series=False)
        figures_by_name = compute()
        if not PartialState().is_main_process:
            return figures_by_name
        self.folder.mkdir(parents=True, exist_ok=True)
        # Two trainings may compute the same file at once; both are complete and equal.
        content = BytesIO()
        pl.DataFrame(figures_by_name).write_parquet(content)
        write_file(path, content.getvalue())
        return figures_by_name


def batches(lengths: Sequence[int], *, rows: int, cells: int) -> list[list[int]]:
    """Examples by number, in batches of similar length, the longest first.

    Args:
        lengths: the tokens of each example.
        rows: sequences per example.
        cells: the maximum number of tokens in a batch; a single longer example is a batch.
    """
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    groups: list[list[int]] = []
    left = 0
    for number in order:
        if left == 0:
            groups.append([])
            left = max(1, cells // (rows * max(1, lengths[number])))
        groups[-1].append(number)
        left -= 1
    return groups
