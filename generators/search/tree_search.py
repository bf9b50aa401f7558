"""Answers as a tree of steps, grown where it promises most."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import Field, field_validator, model_validator

from engines.checks import (
    BoundedCheck,
    CheckPath,
    check_for,
    marked,
    require_checks,
)
from engines.context import Context
from engines.model import Models
from engines.operators.collect import DroppedRow, TableRow
from engines.operators.cut_off import Cut
from engines.operators.row_operator import RowOperator, sound_text
from engines.operators.scores import ScorerSession
from engines.protocol import RowError
from engines.rows import Prompt
from generators.search.backups import RULES, Backup, back_up, infer
from generators.search.chooser import SUPPLIED, NestedScorer, scorer_session
from generators.search.evaluation import Evaluation
from generators.search.grown_trees import grow_trees
from generators.search.proposer import Proposed, Proposer
from generators.search.selection import PUCT, Selection
from generators.search.tree import Node, new_root, rows_of, tree_from_rows
from schemas import (
    GeneratingRole,
    Nodes,
    Prompts,
    Split,
    StageReport,
    Table,
    Takes,
)

NO_PROPOSAL = "no step was proposed"


class TreeSearch(RowOperator):
    """One tree a prompt: ``simulations`` times the beginning that ``selection`` names is gone on
    with by the steps that ``proposer`` proposes, these are valued, and what is known now is backed
    up to the root by the rule ``backup`` (`generators.search.backups`). Fewer times where nothing
    is left to go on with: every path ends, or has ``max_steps`` steps.

    ``scorer`` (any annotator: `annotators.RolloutValue`, `annotators.ProcessReward` for a value
    model, `annotators.PTrue` for what the model thinks of itself, `annotators.Judge` as a critic)
    values begun answers; ``scale`` is the range of what it says, mapped to [0, 1]. An end is
    checked as `annotators.Verifier` does, by the check of the prompt's source, or ``check``; it is
    worth ``outcome`` times that and the rest of what the scorer says. MCTS-DPO (Xie et al. 2024,
    arXiv:2405.00451) adds the two up, which ranks ends as 1/2 does. Without a scorer ends alone are
    known. An end that was cut off is not checked, unless ``cut: read``. An end that cannot be
    checked and a beginning that cannot be scored have no value of their own, and ``error`` says
    why.

    Where nothing but the end is proposed after a beginning, that is an end. A beginning that is too
    long to go on with is left as it is. A prompt after which no step is proposed is dropped.

    A search depends on the tree alone: not on time, nor on what else is searched at once. Thousands
    of trees grow together, each one expansion at a time, so that engines have full batches. With
    ``tree``, the nodes of an earlier stage are gone on with: ``simulations`` more, which ends in
    the tree that one longer search would have given. Its trees of prompts that are not in ``of``
    are left alone. A search that was stopped is asked for again, at no cost as far as it came.

    Findings: trees, nodes, ends, simulations, the continuations that steps were taken from
    (``proposals``), the depth of the deepest node, how many prompts have a right end, and no wrong
    one; and what the scorer tells of itself, such as its rollouts.
    """

    gives: ClassVar[type[Table]] = Nodes
    unit: ClassVar[str] = "prompt_id"
    supplies: ClassVar[frozenset[str]] = SUPPLIED

    of: Annotated[str, Takes(Prompts)] = "prompts"
    tree: Annotated[str | None, Takes(Nodes)] = None
    model: GeneratingRole = "policy"
    simulations: int = Field(default=16, ge=1)
    max_steps: int = Field(default=32, ge=1)
    proposer: Proposer = Proposer()
    scorer: NestedScorer | None = None
    scale: tuple[float, float] = (0.0, 1.0)
    outcome: float = Field(default=1.0, ge=0, le=1)
    check: CheckPath | None = None
    cut: Cut = "refuse"
    selection: Selection = PUCT()
    backup: Backup = "mean"

    @field_validator("scale")
    @classmethod
    def _ascending(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if not scale[0] < scale[1]:
            raise ValueError(f"a scale goes from a lowest value to a highest, not {list(scale)}")
        return scale

    @model_validator(mode="after")
    def _values_ends(self) -> "TreeSearch":
        if self.scorer is None and self.outcome < 1:
            raise ValueError("outcome mixes with what a scorer says: name one as scorer")
        return self

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """The trees of ``tables[self.of]``, in the order of the prompts, parents before their
        children."""
        prompts = tables[self.of]
        require_checks(context, prompts, path=self.check)
        earlier: dict[Any, pl.DataFrame] = {}
        if self.tree is not None:
            earlier = tables[self.tree].partition_by("prompt_id", as_dict=True)
        scoring: AbstractContextManager[ScorerSession | None] = nullcontext()
        if self.scorer is not None:
            scoring = scorer_session(self.scorer, tables, context, prompts=self.of)
        with scoring as scorer:
            evaluation = Evaluation(scorer, self.scale, self.outcome)

            async def work(prompt: Prompt, models: Models) -> list[TableRow]:
                root = self._planted(prompt, earlier.get((prompt.prompt_id,)))
                await self._search(prompt, root, models, evaluation)
                if not root.children:
                    return [DroppedRow(prompt.prompt_id, NO_PROPOSAL)]
                return list(rows_of(root, prompt.prompt_id))

            split, counts = grow_trees(prompts, work, context)
        findings = {
            **({} if scorer is None else scorer.findings),
            **_figures(split.kept),
            "simulations": counts["simulations"],
            "proposals": counts["proposals"],
        }
        return split.with_report(StageReport(findings=findings))

    def _planted(self, prompt: Prompt, earlier: pl.DataFrame | None) -> Node:
        if earlier is None:
            return new_root(prompt.prompt_id, made=self._made(prompt.prompt_id))
        root = tree_from_rows(earlier, max_depth=self.max_steps)
        back_up(reversed(list(root.subtree())), RULES[self.backup])
        return root

    async def _search(
        self, prompt: Prompt, root: Node, models: Models, evaluation: Evaluation
    ) -> None:
        check = check_for(models.context, prompt.source, path=self.check)
        for _ in range(self.simulations):
            leaf = self.selection.leaf(root)
            if leaf is None:
                break
            await self._expand(prompt, leaf, models, check, evaluation)
            for node in (path := leaf.path()):
                node.visits += 1 + sum(child.visits for child in leaf.children)
            back_up([*leaf.children, *path], RULES[self.backup])
            models.counts["simulations"] += 1
            models.counts["proposals"] += self.proposer.drawn(leaf.text)
        if self.backup == "rest":
            infer(root)

    async def _expand(
        self,
        prompt: Prompt,
        leaf: Node,
        models: Models,
        check: BoundedCheck,
        evaluation: Evaluation,
    ) -> None:
        """Give ``leaf`` the children that are proposed, and these what they are worth."""
        leaf.expanded = True
        try:
            proposer = self.proposer.beside(self.scorer)
            proposed = await proposer.next_steps(prompt, leaf.text, models[self.model])
        except RowError as error:
            if leaf.parent is None:
                raise
            leaf.error = str(error)
            proposed = []
        ends: dict[Node, str] = {}
        for one in proposed:
            child = leaf.add_child(
                sound_text(one.step), prior=one.share, made=self._made(leaf.node_id, one)
            )
            if one.ended:
                ends[child] = one.finish
        if not proposed and leaf.parent is not None and leaf.error is None:
            ends[leaf] = "stop"
        for end, finish in ends.items():
            end.terminal = True
            end.visits = int(end is not leaf)
            if finish == "length" and self.cut == "refuse":
                end.error = f"cut off at {self.proposer.max_tokens:,} tokens"
                continue
            answer = check.submit(prompt.messages, prompt.reference, end.text)
            end.right, end.error = await marked(answer)
        await evaluation.value(prompt, leaf.children or list(ends), ends, models)
        for child in leaf.children:
            if child.terminal or child.depth >= self.max_steps:
                child.close()
        if not leaf.children:
            leaf.close()

    def _made(self, parent: str, step: Proposed | None = None) -> dict[str, Any]:
        return {
            "operator": self.path,
            "model": None if step is None else step.model,
            "parameters": "{}" if step is None else step.parameters,
            "seed": None if step is None else step.seed,
            "parents": [parent],
        }


def _figures(nodes: pl.DataFrame) -> dict[str, Any]:
    ends = nodes.filter("terminal")
    told = ends.group_by("prompt_id").agg(
        right=pl.col("terminal_correct").any(), wrong=(~pl.col("terminal_correct")).any()
    )
    return {
        "trees": nodes["prompt_id"].n_unique(),
        "nodes": nodes.height,
        "ends": ends.height,
        "depth": nodes["depth"].max() or 0,
        "prompts with a right end": int(told["right"].sum()),
        "prompts without a wrong end": int((told["right"] & ~told["wrong"]).sum()),
    }
