"""Search trees drawn by Hypothesis, as rows and as something to walk."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from hypothesis import strategies as st

from schemas import Nodes, Prompts, content_id, rows

ORIGIN = {"operator": "t", "model": None, "parameters": "{}", "seed": None, "parents": []}
VALUE = st.sampled_from([None, 0.0, 0.25, 0.5, 0.75, 1.0])


@dataclass
class Grown:
    """A node with all that the filters read of it."""

    row: dict[str, Any]
    above: "Grown | None" = None
    children: "list[Grown]" = field(default_factory=list)

    @property
    def node_id(self) -> str:
        return str(self.row["node_id"])

    @property
    def path(self) -> "list[Grown]":
        """From below the root down to it."""
        return [] if self.above is None else [*self.above.path, self]

    @property
    def text(self) -> str:
        return "".join(one.row["step"] for one in self.path)

    @property
    def worth(self) -> float:
        """The mean value of the path, 1/2 where nothing is known."""
        known = [one.row["value"] for one in self.path if one.row["value"] is not None]
        return sum(known) / len(known) if known else 0.5

    def below(self) -> "Iterator[Grown]":
        """It and all below it."""
        yield self
        for child in self.children:
            yield from child.below()


@dataclass
class Grove:
    """Trees of several prompts, and the stages that hold them."""

    trees: dict[str, Grown]

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """Stages ``prompts`` and ``nodes``."""
        known = {"source": "t", "source_revision": "1", "licence": "none"}
        prompts = [
            {"prompt_id": name, "messages": [{"role": "user", "content": f"q {name}"}], **known}
            for name in self.trees
        ]
        nodes = [one.row for root in self.trees.values() for one in root.below()]
        return {"prompts": rows(Prompts, prompts), "nodes": rows(Nodes, nodes)}

    def ends(self, name: str) -> list[Grown]:
        """Those of a prompt's tree of which it is known whether they are right, best first."""
        known = [one for one in self.trees[name].below() if one.row["terminal_correct"] is not None]
        return sorted(known, key=lambda one: (-one.worth, one.node_id))


@st.composite
def groves(draw: st.DrawFn) -> Grove:
    """Up to three trees of four levels, with single children, ends and nodes without values."""
    names = draw(st.lists(st.sampled_from("pqr"), unique=True, max_size=3))
    return Grove({name: _grown(draw, name, None, "", 3) for name in names})


def _grown(draw: st.DrawFn, prompt: str, above: Grown | None, step: str, depth: int) -> Grown:
    parent = None if above is None else above.node_id
    inner = above is None or (depth > 0 and draw(st.booleans()))
    end = not inner and draw(st.booleans())
    node = Grown(
        {
            "node_id": content_id("tree", prompt) if parent is None else content_id(parent, step),
            "parent_id": parent,
            "prompt_id": prompt,
            "depth": 0 if above is None else above.row["depth"] + 1,
            "step": step,
            "visits": draw(st.integers(0, 4)),
            "value": draw(VALUE),
            "prior": None if above is None else 0.5,
            "expanded": inner,
            "terminal": end,
            "terminal_correct": draw(st.sampled_from([True, False, None])) if end else None,
            "origin": ORIGIN,
        },
        above,
    )
    if inner:
        # One step ends with a newline and its sibling does not: to be told apart only by that.
        steps = ["é1\n", "é1", "2\n", "3"]
        wanted = draw(st.lists(st.sampled_from(steps), unique=True, max_size=3))
        node.children = [_grown(draw, prompt, node, one, depth - 1) for one in wanted]
    return node


def grove(tree: Mapping[str, Any]) -> Grove:
    """A tree written by hand: each step a key, its value the changes to its row; ``below`` what
    follows it."""
    root = _planted(None, "", {"expanded": True})
    for step, made in tree.items():
        _written(root, step, made)
    return Grove({"p": root})


def _written(above: Grown, step: str, made: Mapping[str, Any]) -> None:
    node = _planted(above, step, {key: one for key, one in made.items() if key != "below"})
    above.children.append(node)
    for following, more in made.get("below", {}).items():
        _written(node, following, more)


def _planted(above: Grown | None, step: str, changes: Mapping[str, Any]) -> Grown:
    row = {
        "node_id": "root" if above is None else f"{above.node_id}/{step.strip()}",
        "parent_id": None if above is None else above.node_id,
        "prompt_id": "p",
        "depth": 0 if above is None else above.row["depth"] + 1,
        "step": step,
        "visits": 1,
        "value": None,
        "expanded": False,
        "terminal": "terminal_correct" in changes,
        "origin": ORIGIN,
    }
    return Grown(row | dict(changes), above)
