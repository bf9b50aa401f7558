"""Rows as ``factory show`` prints them.

Pairs are side by side, search trees are drawn as trees, steps have the colours of their labels, and
other rows are a list of columns. Text of models is never read as markup.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from assets.charts import Branch, prompt_texts, thinned
from assets.charts.svg import figure, shade
from assets.charts.words import shortened
from assets.rendering.markdown import plain
from assets.rendering.token_words import strongest, token_texts
from engines.operators.prompt_templates import message_text
from schemas import Message
from schemas.printable import printable

NODES = 60
"""The most nodes shown of a tree: the most visited."""

CELLS = 100
"""The most characters shown of a step in a tree."""

_SHADES = {"t0": "red", "t1": "red", "t2": "red", "t4": "green", "t5": "green", "t6": "green"}
_ENDS = {"right": (" ✓ right", "green"), "wrong": (" ✗ wrong", "red"), "unknown": (" end", "dim")}
_LABELS = {True: ("✓", "green"), False: ("✗", "red"), None: ("", "dim")}


def rows_shown(frame: pl.DataFrame, count: int, prompts: pl.DataFrame) -> Iterator[RenderableType]:
    """The first ``count`` rows of ``frame``, or its first ``count`` trees with their prompts."""
    names = set(frame.columns)
    if {"node_id", "parent_id"} <= names:
        ids = frame["prompt_id"].unique(maintain_order=True).head(count)
        texts = prompt_texts([prompts], ids)
        for prompt_id in ids:
            yield _tree(frame.filter(prompt_id=prompt_id), texts.get(prompt_id, prompt_id))
        return
    show = _row
    if {"chosen", "rejected"} <= names:
        show = _pair
    elif {"completions", "labels"} <= names:
        show = _solution
    elif {"demonstration_id", "messages"} <= names:
        show = _demonstration
    elif {"response", "token_ends", "values"} <= names:
        show = _tokens
    for row in frame.head(count).iter_rows(named=True):
        yield show(row)


def _pair(row: Mapping[str, Any]) -> RenderableType:
    sides = Table.grid(expand=True, padding=(0, 1))
    for _ in range(2):
        sides.add_column(ratio=1)
    shared = row["shared_prefix"] or 0
    sides.add_row(
        Panel(_messages(row["chosen"], shared), title="chosen", border_style="green"),
        Panel(_messages(row["rejected"], shared), title="rejected", border_style="red"),
    )
    margin = "" if row["margin"] is None else f"margin {row['margin']:.3g}  "
    return Group(
        _text(plain(row["prompt"]), "bold"),
        sides,
        Text(f"{margin}weight {row['weight']:.3g}  {row['pair_id']}\n", style="dim"),
    )


def _demonstration(row: Mapping[str, Any]) -> RenderableType:
    """The conversation before the last turn, and the last turn, which is imitated."""
    *before, last = row["messages"]
    condition = "" if row.get("condition") is None else f"condition {row['condition']}  "
    return Group(
        _text(plain(before), "bold"),
        Panel(_text(message_text(last)), title=f"imitated: {last['role']}", border_style="green"),
        Text(f"{condition}{row['demonstration_id']}\n", "dim"),
    )


def _messages(messages: Sequence[Message], shared: int) -> Text:
    """The text of ``messages``. The ``shared`` characters that begin both sides are dim."""
    last = message_text(messages[-1])
    before = "".join(f"{message_text(message)}\n" for message in messages[:-1])
    return Text.assemble(_text(before), _text(last[:shared], "dim"), _text(last[shared:]))


def _tree(nodes: pl.DataFrame, prompt: str) -> RenderableType:
    """The tree of one prompt (`schemas.Nodes`): value, visits, step and outcome of each node."""
    branches = thinned(nodes, NODES)
    top = Tree(_text(prompt, "bold"))
    drawn: list[Tree] = []
    for branch in branches:
        above = top if branch.parent is None else drawn[branch.parent]
        drawn.append(above.add(_node(branch)))
    hidden = nodes.height - len(branches)
    note = f"{hidden:,} less visited nodes are not shown\n" if hidden else ""
    return Group(top, Text(note, style="dim"))


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
    """A row of `schemas.StepLabels`, one line a step. The colour is that of the label, or of the
    value if there is no label. The first wrong step is marked."""
    steps = Table.grid(padding=(0, 2))
    for justify in ("right", "left", "right", "left"):
        steps.add_column(justify=justify)
    rows = zip(row["completions"], row["labels"], row["values"], strict=True)
    for number, (step, label, value) in enumerate(rows):
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


def _tokens(row: Mapping[str, Any]) -> RenderableType:
    """A response with the colour of each token's score, from its lowest to its highest, and the
    tokens of the strongest scores."""
    if row["response"] is None:
        return _row(row)
    ends, values = row["token_ends"], row["values"]
    most = max(map(abs, values)) or 1.0
    pieces = zip(token_texts(row["response"], ends), values, strict=True)
    return Group(
        Text.assemble(
            *(_text(token, _SHADES.get(shade(value, -most, most), "")) for token, value in pieces)
        ),
        _text(strongest(row["response"], ends, values), "dim"),
        Text(f"{row['annotator']}  {row['response_id']}\n", "dim"),
    )


def _text(content: str, style: str = "") -> Text:
    """``content`` with control characters spelled out. This changes its width, so it comes before
    the layout."""
    return Text(printable(content), style)


def _row(row: Mapping[str, Any]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    for name, value in row.items():
        if value is not None:
            table.add_row(name, _text(plain(value)))
    return Group(table, Text(""))
