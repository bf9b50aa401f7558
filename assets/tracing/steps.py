"""The steps of an answer: nodes of a search tree, labels of steps, or its own cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.tracing.questions import Question


@dataclass(frozen=True)
class Step:
    """One step of an answer.

    Attributes:
        text: Its text.
        facts: What is known of it, by the columns of its table: ``label`` and ``value`` of a
            labelled step; ``visits``, ``value``, ``own``, ``prior``, ``terminal_correct`` and
            ``error`` of a node. Nulls are left out.
        node_id: Its node; None if it is not from a tree.
        siblings: The other steps that the search tried in its place, best value first.
        questions: What models were asked about the answer up to this step.
    """

    text: str
    facts: Mapping[str, Any]
    node_id: str | None = None
    siblings: Sequence["Step"] = ()
    questions: Sequence[Question] = ()


_FACTS = ("visits", "value", "own", "prior", "terminal_correct", "finish", "error")


def path_to(node_id: str, nodes: pl.DataFrame) -> list[Step]:
    """The steps from the root of a tree to a node, each with its siblings.

    Args:
        node_id: The node.
        nodes: The rows of its tree.
    """
    by_id = {row["node_id"]: row for row in nodes.iter_rows(named=True)}
    path = []
    at = by_id.get(node_id)
    while at is not None and at["parent_id"] is not None:
        path.append(at)
        at = by_id.get(at["parent_id"])
    steps = []
    for row in reversed(path):
        others = [
            other
            for other in by_id.values()
            if other["parent_id"] == row["parent_id"] and other["node_id"] != row["node_id"]
        ]
        others.sort(key=lambda one: (-(one["value"] or 0.0), one["node_id"]))
        steps.append(_node(row, [_node(other) for other in others]))
    return steps


def _node(row: Mapping[str, Any], siblings: Sequence[Step] = ()) -> Step:
    facts = {name: row[name] for name in _FACTS if row[name] is not None}
    return Step(row["step"], facts, row["node_id"], siblings)


def steps_of(row: Mapping[str, Any]) -> list[Step]:
    """The steps of a labelled solution, or of a response that was cut; none for other rows."""
    if "completions" in row and "labels" in row:
        labelled = zip(row["completions"], row["labels"], row["values"], strict=True)
        return [
            Step(text, _facts(label=label, value=value, error_here=number == row["first_error"]))
            for number, (text, label, value) in enumerate(labelled)
        ]
    if row.get("steps") and "text" in row:
        return [Step(row["text"][span["start"] : span["end"]], {}) for span in row["steps"]]
    return []


def _facts(*, error_here: bool, **facts: Any) -> dict[str, Any]:
    present = {name: value for name, value in facts.items() if value is not None}
    return present | ({"first_error": True} if error_here else {})


def beginnings(nodes: pl.DataFrame) -> list[str]:
    """The text before each node, in the order of the rows; empty for a root and its children."""
    by_id = {row["node_id"]: row for row in nodes.iter_rows(named=True)}
    text_by_id: dict[str, str] = {}

    def through(node_id: str | None) -> str:
        """The text from the root to a node, with its own step."""
        waiting = []
        while node_id is not None and node_id in by_id and node_id not in text_by_id:
            waiting.append(node_id)
            node_id = by_id[node_id]["parent_id"]
        text = text_by_id.get(node_id or "", "")
        for each in reversed(waiting):
            text = text_by_id[each] = text + by_id[each]["step"]
        return text

    return [through(parent) for parent in nodes["parent_id"]]


def step_name(step: int | None) -> str:
    """The step that a score is of, in words; empty for a whole response."""
    if step is None:
        return ""
    return "before any step" if step < 0 else f"step {step + 1}"
