"""The search trees of a stage's prompts, as one table."""

from collections import Counter
from collections.abc import Awaitable, Callable

import polars as pl

from engines.context import Context
from engines.model import Models
from engines.operators.collect import TableRow, to_table
from engines.operators.row_operator import each_prompt
from engines.operators.run_rows import run_rows
from engines.rows import Prompt
from schemas import Nodes, Split


def grow_trees(
    prompts: pl.DataFrame,
    work: Callable[[Prompt, Models], Awaitable[list[TableRow]]],
    context: Context,
) -> tuple[Split, Counter[str]]:
    """Run ``work`` for each prompt.

    Returns:
        The rows of `Nodes`, and what ``work`` counted. If a node breaks a rule of the table,
            all nodes of its tree are dropped.
    """
    run = run_rows(
        ((prompt.prompt_id, prompt) for prompt in each_prompt(prompts)),
        work,
        context,
        total=prompts.height,
    )
    split = to_table(
        run,
        Nodes,
        stage=context.stage,
        unit="prompt_id",
        ids=lambda prompt: [prompt.prompt_id],
        together=True,
    )
    return split, run.counts
