"""Runs a coroutine for each row with the weights before and after training."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import polars as pl

from engines.context import Context
from engines.model import Models
from engines.operators.collect import FailedRows
from engines.operators.rebinding import with_weights
from engines.operators.run_rows import Failed, run_rows
from engines.protocol import EngineError
from engines.weights import head_of
from schemas import Usage

Item = TypeVar("Item")
Result = TypeVar("Result")


def one_checkpoint(tables: Mapping[str, pl.DataFrame], name: str, context: Context) -> Any:
    """The only row of the table ``name`` of `schemas.Checkpoints`.

    Raises:
        EngineError: there is not exactly one.
    """
    if tables[name].height != 1:
        raise EngineError(
            f"recipe {context.recipe!r}, stage {context.stage!r}: exactly one checkpoint is "
            f"needed, but stage {name!r} gave {tables[name].height}"
        )
    return tables[name].row(0, named=True)


def with_both_policies(
    work: Callable[[Item, Models], Awaitable[Result]],
    items: Mapping[str, Item],
    checkpoint: Mapping[str, Any],
    context: Context,
    *,
    role: str,
    failed: FailedRows,
    headless: Callable[[Item], Result] | None = None,
) -> tuple[dict[str, Result], dict[str, Result], Usage]:
    """The results before and after training, by the id of the row, and the usage.

    The weights are loaded one after the other. If nothing was trained, one set runs for both.

    Args:
        work: gives the result of a row.
        items: the rows, by id.
        checkpoint: a row of `schemas.Checkpoints`.
        context: the stage and its run.
        role: the role that is bound to both weights.
        failed: takes the rows that fail.
        headless: for rewards: the result of weights without a reward head.
    """

    def results(weights: str, rows: Mapping[str, Item]) -> tuple[dict[str, Result], Usage]:
        if headless is not None and head_of(weights) is None:
            return {name: headless(item) for name, item in rows.items()}, Usage()
        names, by_name = list(rows), {}
        run = run_rows(rows.items(), work, with_weights(context, role, weights), total=len(rows))
        for outcome in run:
            if isinstance(outcome, Failed):
                failed.add(outcome, [names[outcome.number]])
            else:
                by_name[names[outcome.number]] = outcome.result
        return by_name, run.usage

    after, usage = results(checkpoint["path"], items)
    start = start_of(checkpoint)
    if checkpoint["path"] == start:
        return after, after, usage
    # A row that failed is not tried again.
    before, more = results(start, {name: items[name] for name in after})
    return before, after, usage + more


def start_of(checkpoint: Mapping[str, Any]) -> str:
    """The weights that a trained model is compared with: those that its training started from, or
    the first training of a chain."""
    start: str = checkpoint.get("chain_start") or checkpoint["start"]
    return start
