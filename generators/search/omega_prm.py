"""First errors of many answers to one prompt, found by halves: a tree of valued beginnings."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from engines.checks import BoundedCheck, CheckPath, check_for, require_checks
from engines.context import Context
from engines.model import Model, Models
from engines.operators.collect import DroppedRow, TableRow
from engines.operators.cut_off import Cut
from engines.operators.line_steps import line_ends
from engines.operators.rollouts import Estimate, Rollout, Rollouts
from engines.operators.row_operator import RowOperator, sampling_parameters, sound_text
from engines.protocol import Sampling
from engines.rows import Prompt
from generators.drafts import Refusal
from generators.search.grown_trees import grow_trees
from generators.search.tree import Node, new_root, rows_of
from schemas import (
    GeneratingRole,
    Nodes,
    Prompts,
    Split,
    StageReport,
    Table,
    Takes,
)


class OmegaPRM(RowOperator):
    """One tree a prompt, of beginnings with the share MC of their ``k`` rollouts that end right.

    The prompt is valued first, and then, ``searches`` times: of all beginnings s whose rollouts end
    now right and now wrong, and all of those r that end wrong and were not searched yet, that with
    the most Q(s, r) + U(s) is taken, where Q = ``alpha``^(1 − MC(s)) · ``beta``^(|r| / ``length``),
    |r| in tokens, and U = ``c_puct`` · sqrt(ΣN) / (1 + N(s)), with N how often a beginning was
    taken: wrong answers that begin well come first. Its first wrong step is searched by halves: a
    beginning looks right if any of its rollouts ends right. Every beginning that was looked at is a
    node, whose rollouts can be taken in turn; so is every answer that was searched, and every right
    answer to the prompt itself. A step is a line (`engines.operators.line_steps`); a node hangs on
    the longest other beginning of it, so one may have several lines.

    ``value`` and ``own`` are MC, ``visits`` is N. A prompt all of whose rollouts end right, or
    wrong, has nothing to search and is dropped. A rollout that was cut off is neither right nor
    wrong, unless ``cut: read``. Findings: trees, nodes, rollouts asked for,
    answers searched and the share of nodes that no rollout mends.

    Source: Luo et al. 2024, OmegaPRM (arXiv:2406.06592), section 3.3; the defaults are its own
    (k 8, alpha 0.5, beta 0.9, length 500, c_puct 0.125, up to 100 searches), as public code has
    them too.
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
    temperature: float = Field(default=1.0, gt=0)
    max_tokens: int = Field(default=256, ge=1)
    check: CheckPath | None = None
    cut: Cut = "refuse"

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """The trees of ``tables[self.of]``, in the order of the prompts, parents before their
        children."""
        prompts = tables[self.of]
        require_checks(context, prompts, path=self.check)

        async def work(prompt: Prompt, models: Models) -> list[TableRow]:
            check = check_for(context, prompt.source, path=self.check)
            search = _Search(self, prompt, models[self.model], check)
            found = await search.run()
            models.counts["rollouts"] += search.asked
            models.counts["searches"] += search.searched
            if isinstance(found, Refusal):
                return [DroppedRow(prompt.prompt_id, found.reason, found.numbers)]
            return list(rows_of(found, prompt.prompt_id))

        split, counts = grow_trees(prompts, work, context)
        findings = {
            **_figures(split.kept),
            "rollouts": counts["rollouts"],
            "searches": counts["searches"],
        }
        return split.with_report(StageReport(findings=findings))

    @property
    def rollouts(self) -> Rollouts:
        """How a beginning is valued."""
        sampling = Sampling(temperature=self.temperature, max_tokens=self.max_tokens)
        return Rollouts(k=self.k, sampling=sampling, cut=self.cut)


@dataclass(slots=True)
class _State:
    """A beginning that was valued: how often one of its rollouts was taken, and the wrong ones that
    may yet be."""

    text: str
    estimate: Estimate
    taken: int
    wrong: list[Rollout]


class _Search:
    """The search of one prompt. ``asked`` rollouts, ``searched`` answers."""

    def __init__(self, how: OmegaPRM, prompt: Prompt, model: Model, check: BoundedCheck) -> None:
        self._how, self._prompt, self._model, self._check = how, prompt, model, check
        self._states: dict[str, _State] = {}
        self._ends: dict[str, Rollout] = {}
        self.asked = 0
        self.searched = 0

    async def run(self) -> Node | Refusal:
        root = await self._valued("")
        if not 0 < (root.estimate.value or 0) < 1:
            return self._nothing(root.estimate)
        self._ends |= {one.text: one for one in root.estimate.rollouts if one.right}
        for _ in range(self._how.searches):
            open_ones = [(state, one) for state in self._states.values() for one in state.wrong]
            if not open_ones:
                break
            taken = sum(state.taken for state in self._states.values())
            # Of equals the first that was met, which is the same in every run.
            state, rollout = max(
                open_ones, key=lambda both: self._priority(both[0], both[1], taken)
            )
            state.wrong.remove(rollout)
            state.taken += 1
            self.searched += 1
            self._ends[rollout.text] = rollout
            await self._by_halves(state, rollout)
        return self._tree()

    def _priority(self, state: _State, rollout: Rollout, taken: int) -> float:
        how, mean = self._how, state.estimate.value or 0.0
        promise = how.alpha ** (1 - mean) * how.beta ** (rollout.tokens / how.length)
        return float(promise + how.c_puct * math.sqrt(taken) / (1 + state.taken))

    async def _by_halves(self, state: _State, rollout: Rollout) -> None:
        """Look for the first wrong step of ``rollout`` after ``state``: its last step is known to
        be too late."""
        begun = len(state.text)
        ends = [begun, *(begun + end for end in line_ends(rollout.text[begun:]))]
        right, wrong = 0, len(ends) - 1
        while wrong - right > 1:
            middle = (right + wrong) // 2
            found = await self._valued(rollout.text[: ends[middle]])
            if found.estimate.value is None:
                return
            if found.estimate.value > 0:
                right = middle
            else:
                wrong = middle

    async def _valued(self, text: str) -> _State:
        """The state of a beginning, valued when first met."""
        if text not in self._states:
            estimate = await self._how.rollouts.estimate(
                self._prompt, text, self._model, self._check
            )
            self.asked += estimate.asked
            mixed = 0 < (estimate.value or 0) < 1
            # What was cut off has no wrong step to be found.
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
        """All that was looked at, each hung on the longest other beginning of it."""
        made: dict[str, Any] = {
            "operator": self._how.path,
            "model": self._model.revision,
            "parameters": sampling_parameters(self._how.rollouts.sampling),
            "seed": None,
            "parents": [],
        }
        root = new_root(self._prompt.prompt_id, made=made)
        nodes = {"": root}
        for text in sorted({*self._states, *self._ends}, key=lambda text: (len(text), text)):
            if not text:
                continue
            above = nodes[max((one for one in nodes if text.startswith(one)), key=len)]
            node = above.add_child(sound_text(text[len(above.text) :]), prior=None, made=made)
            above.expanded = True
            if text not in self._states:
                node.terminal = True
                node.right = self._ends[text].right
                node.own = node.value = float(bool(node.right))
            else:
                nodes[text] = node
        for text, node in nodes.items():
            state = self._states[text]
            node.own = node.value = state.estimate.value
            node.error = state.estimate.error
            node.visits = state.taken
        return root


def _figures(nodes: pl.DataFrame) -> dict[str, Any]:
    inner = nodes.filter(~pl.col("terminal"))
    dead = inner.filter(pl.col("value") == 0)
    return {
        "trees": nodes["prompt_id"].n_unique(),
        "nodes": nodes.height,
        "beyond mending": dead.height / inner.height if inner.height else None,
    }
