"""Rows as ``factory show`` prints them: pairs side by side, trees as trees, steps by their labels,
anything else column by column. Text that a model wrote is never read as markup."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from assets.charts import Branch, asked, thinned
from assets.charts.svg import figure, shade
from assets.charts.words import shortened
from assets.rendering.markdown import plain
from schemas.printable import printable

NODES = 60
"""Of a tree at most, the most visited."""

CELLS = 100
"""Of a step in a tree at most."""

_SHADES = {"t0": "red", "t1": "red", "t2": "red", "t4": "green", "t5": "green", "t6": "green"}
_ENDS = {"right": (" ✓ right", "green"), "wrong": (" ✗ wrong", "red"), "unknown": (" end", "dim")}
_LABELS = {True: ("✓", "green"), False: ("✗", "red"), None: ("", "dim")}


def rows_shown(frame: pl.DataFrame, count: int, prompts: pl.DataFrame) -> Iterator[RenderableType]:
    """The first ``count`` rows, or trees with what they answer (one of ``prompts``)."""
    names = set(frame.columns)
    if {"node_id", "parent_id"} <= names:
        ids = frame["prompt_id"].unique(maintain_order=True).head(count)
        texts = asked([prompts], ids)
        for prompt_id in ids:
            yield _tree(frame.filter(prompt_id=prompt_id), texts.get(prompt_id, prompt_id))
        return
    show = _row
    if {"chosen", "rejected"} <= names:
        show = _pair
    elif {"completions", "labels"} <= names:
        show = _solution
    for row in frame.head(count).iter_rows(named=True):
        yield show(row)


def _pair(row: Mapping[str, Any]) -> RenderableType:
    sides = Table.grid(expand=True, padding=(0, 1))
    for _ in range(2):
        sides.add_column(ratio=1)
    shared = row["shared_prefix"] or 0
    sides.add_row(
        Panel(_said(row["chosen"], shared), title="chosen", border_style="green"),
        Panel(_said(row["rejected"], shared), title="rejected", border_style="red"),
    )
    margin = "" if row["margin"] is None else f"margin {row['margin']:.3g}  "
    return Group(
        _text(plain(row["prompt"]), "bold"),
        sides,
        Text(f"{margin}weight {row['weight']:.3g}  {row['pair_id']}\n", style="dim"),
    )


def _said(messages: Sequence[Mapping[str, str]], shared: int) -> Text:
    """What the messages say; the ``shared`` characters that both sides begin with are dim."""
    last = messages[-1]["content"]
    before = "".join(f"{message['content']}\n" for message in messages[:-1])
    return Text.assemble(_text(before), _text(last[:shared], "dim"), _text(last[shared:]))


def _tree(nodes: pl.DataFrame, prompt: str) -> RenderableType:
    """One prompt's `schemas.Nodes`, each with its visits, its value, its step and how it ended."""
    branches = thinned(nodes, NODES)
    top = Tree(_text(prompt, "bold"))
    drawn: list[Tree] = []
    for branch in branches:
        above = top if branch.parent is None else drawn[branch.parent]
        drawn.append(above.add(_node(branch)))
    hidden = nodes.height - len(branches)
    told = f"{hidden:,} less visited nodes are not shown\n" if hidden else ""
    return Group(top, Text(told, style="dim"))


def _node(branch: Branch) -> Text:
    node = branch.node
    colour = _SHADES.get(shade(node["value"], 0, 1), "")
    step = printable(shortened(node["step"], CELLS)) or (
        "the prompt" if branch.parent is None else ""
    )
    return Text.assemble(
        (figure(node["value"]), colour),
        (f" ×{node['visits']:,} ", "dim"),
        step,
        _ENDS[branch.ends] if branch.ends else "",
        (f" +{branch.hidden:,}" if branch.hidden else "", "dim"),
    )


def _solution(row: Mapping[str, Any]) -> RenderableType:
    """A row of `schemas.StepLabels`: a line a step, in the colour of its label (or of its value,
    where it is not labelled), the first wrong one marked."""
    steps = Table.grid(padding=(0, 2))
    for justify in ("right", "left", "right", "left"):
        steps.add_column(justify=justify)
    told = zip(row["completions"], row["labels"], row["values"], strict=True)
    for number, (step, label, value) in enumerate(told):
        mark, colour = _LABELS[label]
        if label is None and value is not None:
            colour = _SHADES.get(shade(value, 0, 1), "")
        first = " first wrong step" if number == row["first_error"] else ""
        steps.add_row(
            Text(str(number + 1), style="dim"),
            _text(step.rstrip("\n"), colour),
            Text("" if value is None else figure(value), style=colour),
            Text(mark + first, style=colour),
        )
    return Group(_text(plain(row["prompt"]), "bold"), steps, Text(f"{row['response_id']}\n", "dim"))


def _text(said: str, style: str = "") -> Text:
    """What is spelled out takes room, so it is before anything is laid out."""
    return Text(printable(said), style)


def _row(row: Mapping[str, Any]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    for name, value in row.items():
        if value is not None:
            table.add_row(name, _text(plain(value)))
    return Group(table, Text(""))
