"""Which columns of the tables that a stage reads the columns of its rows come from."""

from collections.abc import Iterator, Mapping

import dagster as dg

from schemas import (
    Demonstrations,
    Nodes,
    Pairs,
    Prompts,
    Rankings,
    Responses,
    Scores,
    StepLabels,
    Table,
    columns,
)

_IDS = ("prompt_id", "response_id", "pair_id")
_SOURCES: Mapping[type[Table], Mapping[str, tuple[tuple[type[Table], str], ...]]] = {
    Pairs: {
        "prompt": ((Prompts, "messages"),),
        "chosen": ((Responses, "text"), (Nodes, "step")),
        "rejected": ((Responses, "text"), (Nodes, "step")),
        "chosen_id": ((Responses, "response_id"), (Nodes, "node_id")),
        "rejected_id": ((Responses, "response_id"), (Nodes, "node_id")),
        "margin": ((Scores, "value"), (Nodes, "value")),
    },
    StepLabels: {
        "prompt": ((Prompts, "messages"),),
        "completions": ((Responses, "text"), (Nodes, "step")),
        "spans": ((Responses, "steps"),),
        "labels": ((Scores, "value"), (Nodes, "value")),
        "values": ((Scores, "value"), (Nodes, "value")),
    },
    Rankings: {
        "prompt": ((Prompts, "messages"),),
        "completions": ((Responses, "text"), (Nodes, "step")),
        "rewards": ((Scores, "value"), (Nodes, "value")),
    },
    Demonstrations: {"messages": ((Prompts, "messages"), (Responses, "text"))},
}
"""The columns that operators make a column from, if a stage reads their tables."""


def column_lineage(
    gives: type[Table], reads: Mapping[dg.AssetKey, type[Table]]
) -> dg.TableColumnLineage:
    """The origin of the columns of a table, as far as it is known.

    Rows of the table that a stage reads and gives keep their columns, and ids stay the same.

    Args:
        gives: The table of the stage.
        reads: The tables that it reads, by asset.
    """
    return dg.TableColumnLineage(
        {
            column: deps
            for column in columns(gives)
            if (deps := list(_sources(gives, column, reads)))
        }
    )


def _sources(
    gives: type[Table], column: str, reads: Mapping[dg.AssetKey, type[Table]]
) -> Iterator[dg.TableColumnDep]:
    known = _SOURCES.get(gives, {}).get(column, ())
    for key, table in reads.items():
        same = table is gives or column in _IDS
        if same and column in columns(table):
            yield dg.TableColumnDep(key, column)
        for source, name in known:
            if table is source:
                yield dg.TableColumnDep(key, name)
