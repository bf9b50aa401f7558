"""Compares judges at equal tokens: one that writes more for a vote has fewer votes."""

from collections.abc import Callable, Mapping

import polars as pl

from assets.judging.figures import EqualTokens, difference, tokens_of

AskVotes = Callable[[str, int], pl.DataFrame]
"""A role's verdicts with so many votes a question. Answers are journaled, so fewer votes than
before ask nothing."""


def at_equal_tokens(
    tables: Mapping[str, pl.DataFrame], votes: int, ask: AskVotes
) -> Mapping[str, EqualTokens | None]:
    """The figures of each role with as many votes, ``votes`` at most, as cost no more tokens than
    ``votes`` of the cheapest role; None of a role whose single vote costs more.

    Args:
        tables: The verdicts of each role by ``votes`` votes, the first role first.
        votes: The votes.
        ask: Gives a role's verdicts by fewer votes.
    """
    budget = min(map(tokens_of, tables.values()))
    fitting = {role: _fitting(role, table, votes, budget, ask) for role, table in tables.items()}
    first_role, *_ = tables
    first = fitting[first_role]
    by_role: dict[str, EqualTokens | None] = {}
    for role, fits in fitting.items():
        by_role[role] = None
        if fits is not None:
            count, table = fits
            accuracy = float(table["credit"].drop_nulls().to_numpy().mean())
            less = None if role == first_role or first is None else difference(table, first[1])
            by_role[role] = EqualTokens(count, tokens_of(table), accuracy, less)
    return by_role


def _fitting(
    role: str, table: pl.DataFrame, votes: int, budget: int, ask: AskVotes
) -> tuple[int, pl.DataFrame] | None:
    """The most votes whose tokens fit into the budget, with their verdicts."""
    while tokens_of(table) > budget:
        votes -= 1
        if votes == 0:
            return None
        table = ask(role, votes)
    return votes, table
