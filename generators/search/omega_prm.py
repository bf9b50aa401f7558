"""First errors of many answers to one prompt, found by binary search (OmegaPRM)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from engines.checks import BoundedCheck, CheckPath, check_for, require_checks
from engines.model import Model, Models
from engines.operators.collect import DroppedRow, TableRow
from engines.operators.cut_off import Cut
from engines.operators.refusal import Refusal
from engines.operators.rollouts import Estimate, Rollout, Rollouts
from engines.operators.row_operator import RowOperator, RowSession, sampling_parameters, sound_text
from engines.operators.sampled import Varied
from engines.operators.step_ends import Steps, step_ends
from engines.rows import Prompt
from generators.search.grown_trees import grow_trees
from generators.search.tree import Node, new_root, rows_of
from schemas import (
    GeneratingRole,
    ModelDefault,
    Nodes,
    Prompts,
    Split,
    StageReport,
    Table,
    Takes,
    Truth,
)


class OmegaPRM(Varied, RowOperator):
    """One tree of prefixes per prompt. The value of a prefix is MC, the share of its ``k`` rollouts
    that end right.

    The prompt is valued first. Then, up to ``searches`` times, one pair is chosen: a prefix s with
    both right and wrong rollouts, and a wrong rollout r of s that was not searched yet. The pair
    with the largest Q(s, r) + U(s) is taken, with Q = ``alpha``^(1 − MC(s)) · ``beta``^(|r| /
    ``length``), |r| in tokens, and U = ``c_puct`` · sqrt(ΣN) / (1 + N(s)), N the number of times
    that a prefix was chosen. So wrong answers with a good beginning come first. A binary search
    finds the first wrong step of r. A prefix looks right if any of its rollouts ends right.

    Every valued prefix becomes a node, and its rollouts can be chosen later. Every searched answer
    is a node too, and so is every right answer to the prompt itself. The parent
    of a node is its longest prefix in the tree, so the step of a node may have several ``steps``,
    which are lines or paragraphs (`engines.operators.step_ends`).

    ``value`` and ``own`` are MC, ``visits`` is N. A prompt whose rollouts all end right, or all
    wrong, is dropped. A rollout that was cut off is neither right nor wrong, unless ``cut: read``.
    Findings: trees, nodes, rollouts, searches, and the share of nodes that no rollout continues to
    a right answer.

    Source: Luo et al. 2024, OmegaPRM (arXiv:2406.06592), section 3.3, with its defaults (k 8, alpha
    0.5, beta 0.9, length 500, c_puct 0.125, up to 100 searches), which public code has too.
    """

    gives: ClassVar[type[Table]] = Nodes
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(Prompts)] = "prompts"
    model: GeneratingRole = "policy"
    k: int = Field(default=8, ge=2)
    searches: int = Field(default=100, ge=1)
    alpha: float = Field(default=0.5, gt=0, le=1)
    beta: float = Field(default=0.9, gt=0, le=1)
    length: int = Field(default=500, ge=1)
    c_puct: float = Field(default=0.125, ge=0)
    steps: Annotated[Steps, ModelDefault()] = "line"
    check: CheckPath | None = None
    cut: Cut = "refuse"

    def needs_truth(self) -> Truth | None:
        return "rollouts"

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: RowSession) -> Split:
        """The trees of ``tables[self.of]``, in the order of the prompts, parents before their
        children."""
        prompts, context = tables[self.of], session.context
        require_checks(context, prompts, path=self.check)

        async def work(prompt: Prompt, models: Models) -> list[TableRow]:
            check = check_for(context, prompt.source, path=self.check)
            search = _Search(self, prompt, models[self.model], check)
            tree = await search.run()
            models.counts["rollouts"] += search.rollouts
            models.counts["searches"] += search.searched
            if isinstance(tree, Refusal):
                return [DroppedRow(prompt.prompt_id, tree.reason, tree.numbers)]
            return list(rows_of(tree, prompt.prompt_id))

        split, counts = grow_trees(prompts, work, context)
        inner = split.kept.filter(~pl.col("terminal"))
        session.counts.update(
            **counts,
            trees=split.kept["prompt_id"].n_unique(),
            nodes=split.kept.height,
            inner=inner.height,
            dead=inner.filter(pl.col("value") == 0).height,
        )
        return split

    def report(self, session: RowSession) -> StageReport:
        """Counts of trees and of what they took."""
        counts = session.counts
        totals = {name: counts[name] for name in ("trees", "nodes", "rollouts", "searches")}
        dead = counts["dead"] / counts["inner"] if counts["inner"] else None
        return StageReport(findings={**totals, "beyond mending": dead})

    @property
    def rollouts(self) -> Rollouts:
        """How a prefix is valued."""
        return Rollouts(k=self.k, sampling=self.sampling, cut=self.cut)


@dataclass(slots=True)
class _State:
    """A valued prefix: how often one of its rollouts was chosen, and the wrong rollouts not chosen
    yet."""

    text: str
    estimate: Estimate
    visits: int
    wrong: list[Rollout]


class _Search:
    """The search of one prompt, with its counts: ``rollouts`` drawn and answers ``searched``."""

    def __init__(
        self, operator: OmegaPRM, prompt: Prompt, model: Model, check: BoundedCheck
    ) -> None:
        self._operator, self._prompt, self._model, self._check = operator, prompt, model, check
        self._states: dict[str, _State] = {}
        self._ends: dict[str, Rollout] = {}
        self.rollouts = 0
        self.searched = 0

    async def run(self) -> Node | Refusal:
        root = await self._valued("")
        if not 0 < (root.estimate.value or 0) < 1:
            return self._nothing(root.estimate)
        self._ends |= {one.text: one for one in root.estimate.rollouts if one.right}
        for _ in range(self._operator.searches):
            candidates = [(state, one) for state in self._states.values() for one in state.wrong]
            if not candidates:
                break
            visits = sum(state.visits for state in self._states.values())
            # `max` takes the first of equals, which is the same in every run.
            state, rollout = max(
                candidates, key=lambda pair: self._priority(pair[0], pair[1], visits)
            )
            state.wrong.remove(rollout)
            state.visits += 1
            self.searched += 1
            self._ends[rollout.text] = rollout
            await self._by_halves(state, rollout)
        return self._tree()

    def _priority(self, state: _State, rollout: Rollout, visits: int) -> float:
        operator, mean = self._operator, state.estimate.value or 0.0
        promise = operator.alpha ** (1 - mean) * operator.beta ** (rollout.tokens / operator.length)
        return float(promise + operator.c_puct * math.sqrt(visits) / (1 + state.visits))

    async def _by_halves(self, state: _State, rollout: Rollout) -> None:
        """Binary search for the first wrong step of ``rollout`` after ``state``. Its last step is
        already known to be wrong."""
        start = len(state.text)
        ends = [
            start,
            *(start + end for end in step_ends(rollout.text[start:], self._operator.steps)),
        ]
        right, wrong = 0, len(ends) - 1
        while wrong - right > 1:
            middle = (right + wrong) // 2
            middle_state = await self._valued(rollout.text[: ends[middle]])
            if middle_state.estimate.value is None:
                return
            if middle_state.estimate.value > 0:
                right = middle
            else:
                wrong = middle

    async def _valued(self, text: str) -> _State:
        """The state of a prefix. It is valued on the first call."""
        if text not in self._states:
            estimate = await self._operator.rollouts.estimate(
                self._prompt, text, self._model, self._check
            )
            self.rollouts += estimate.generated
            mixed = 0 < (estimate.value or 0) < 1
            # An answer that was cut off has no wrong step to search for.
            wrong = {
                one.text: one
                for one in estimate.rollouts
                if mixed and one.right is False and one.finish == "stop"
            }
            self._states[text] = _State(text, estimate, 0, list(wrong.values()))
        return self._states[text]

    def _nothing(self, estimate: Estimate) -> Refusal:
        if estimate.value is None:
            return Refusal("no rollout could be checked", {"error": estimate.error})
        which = "every rollout ends right" if estimate.value else "no rollout ends right"
        return Refusal(which, {"rollouts": estimate.of})

    def _tree(self) -> Node:
        """All valued prefixes and answers as a tree; the parent of each is its longest prefix."""
        origin: dict[str, Any] = {
            "operator": self._operator.path,
            "model": self._model.revision,
            "parameters": sampling_parameters(self._operator.rollouts.sampling),
            "seed": None,
            "parents": [],
        }
        root = new_root(self._prompt.prompt_id, origin=origin)
        nodes = {"": root}
        for text in sorted({*self._states, *self._ends}, key=lambda text: (len(text), text)):
            if not text:
                continue
            above = nodes[max((one for one in nodes if text.startswith(one)), key=len)]
            node = above.add_child(sound_text(text[len(above.text) :]), prior=None, origin=origin)
            above.expanded = True
            if text not in self._states:
                end = self._ends[text]
                node.terminal, node.finish, node.right = True, end.finish, end.right
                node.own = node.value = float(bool(node.right))
            else:
                nodes[text] = node
        for text, node in nodes.items():
            state = self._states[text]
            node.own = node.value = state.estimate.value
            node.error = state.estimate.error
            node.visits = state.visits
        return root
