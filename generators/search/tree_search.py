"""Monte Carlo tree search over the steps of answers."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Annotated, Any, ClassVar, Literal, Self

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
from engines.operators.nested_scorer import (
    SUPPLIED,
    NestedScorer,
    has_weights,
    scorer_session,
)
from engines.operators.row_operator import RowOperator, RowSession, sound_text
from engines.operators.scores import ScorerSession
from engines.protocol import RowError
from engines.rows import Prompt
from generators.search.backups import RULES, Backup, back_up, infer
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
    Truth,
)

NO_PROPOSAL = "no step was proposed"


class SearchSession(RowSession):
    """A search during one stage. ``scorer``: the session of its scorer, whose counts it has; None
    if there is none."""

    def __init__(self, context: Context, scorer: ScorerSession | None) -> None:
        super().__init__(context)
        self.scorer = scorer
        if scorer is not None:
            self.counts = scorer.counts

    def of_part(self) -> Self:
        """The same session, with counts of its own in it and in its scorer's."""
        part = super().of_part()
        if self.scorer is not None:
            part.scorer = self.scorer.of_part()
            part.counts = part.scorer.counts
        return part


class TreeSearch(RowOperator):
    """One search tree per prompt, grown by ``simulations`` expansions.

    An expansion takes the node that ``selection`` chooses, adds the steps that ``proposer``
    proposes, values them, and backs the values up to the root by the rule ``backup``
    (`generators.search.backups`). It stops earlier if every path ends or has ``max_steps`` steps.

    ``scorer`` values partial answers. It can be any annotator: `annotators.RolloutValue`,
    `annotators.ProcessReward` for a value model, `annotators.PTrue` for the model's own belief,
    `annotators.Judge` as a critic. Its range ``scale`` is mapped to [0, 1]. An end is checked as by
    `annotators.Verifier`, with the check of the prompt's source or ``check``. Its value is
    ``outcome`` · right + (1 − ``outcome``) · score. MCTS-DPO (Xie et al. 2024, arXiv:2405.00451)
    adds the two, which ranks ends as ``outcome: 0.5`` does. Without a scorer only ends have values
    of their own. So it is in the first refresh of a recipe whose scorer was trained in the refresh
    before (``checkpoint: STAGE@previous``). With ``outcome: 0``, ends of prompts whose source has
    no check are not checked.

    An end that was cut off is not checked, unless ``cut: read``. An end that cannot be checked and
    a partial answer that cannot be scored have no value of their own; ``error`` says why. If
    nothing is proposed after a node, the node is an end. A partial answer that is too long for the
    model is not extended. A prompt is dropped if no first step is proposed.

    A search depends on its tree alone, not on time or on other searches. Thousands of trees grow at
    once, each one expansion at a time, so that engines have full batches. With ``tree``, the search
    continues the trees of an earlier stage by ``simulations`` more expansions. The result is the
    tree of one longer search. Trees of prompts that are not in ``of`` are not used. A stopped
    search is repeated from the journal at no cost.

    Findings: trees, nodes, ends, simulations, the continuations drawn for steps (``proposals``),
    the depth of the deepest node, the numbers of prompts with a right end and without a wrong end;
    and the findings of the scorer, such as its rollouts.
    """

    gives: ClassVar[type[Table]] = Nodes
    unit: ClassVar[str] = "prompt_id"
    supplies: ClassVar[frozenset[str]] = SUPPLIED
    instead_of_truth: ClassVar[str] = "outcome: 0 and a scorer that needs none"

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
            raise ValueError(f"scale must be [lowest, highest], got {list(scale)}")
        return scale

    @model_validator(mode="after")
    def _values_ends(self) -> "TreeSearch":
        if self.scorer is None and self.outcome < 1:
            raise ValueError(
                "an outcome below 1 is mixed with a score: set 'scorer', or leave out 'outcome'"
            )
        return self

    def needs_truth(self) -> Truth | None:
        return None if self.outcome == 0 else "check"

    @contextmanager
    def session(
        self, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> Iterator[SearchSession]:
        """The session, with that of the scorer."""
        scoring: AbstractContextManager[ScorerSession | None] = nullcontext()
        if self.scorer is not None and has_weights(self.scorer, tables):
            scoring = scorer_session(self.scorer, tables, context, prompts=self.of)
        with scoring as scorer:
            yield SearchSession(context, scorer)

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: SearchSession) -> Split:
        """The trees of ``tables[self.of]``, in the order of the prompts, parents before their
        children."""
        prompts = tables[self.of]
        require_checks(session.context, prompts, path=self.check)
        earlier: dict[Any, pl.DataFrame] = {}
        if self.tree is not None:
            earlier = tables[self.tree].partition_by("prompt_id", as_dict=True)
        evaluation = Evaluation(session.scorer, self.scale, self.outcome)

        async def work(prompt: Prompt, models: Models) -> list[TableRow]:
            root = self._root(prompt, earlier.get((prompt.prompt_id,)))
            await self._search(prompt, root, models, evaluation)
            if not root.children:
                return [DroppedRow(prompt.prompt_id, NO_PROPOSAL)]
            return list(rows_of(root, prompt.prompt_id))

        split, counts = grow_trees(prompts, work, session.context)
        _count(split.kept, session.counts)
        session.counts.update(counts)
        return split

    def report(self, session: SearchSession) -> StageReport:
        """The findings of the scorer, and counts of trees."""
        findings = {} if session.scorer is None else session.scorer.findings
        counts = {name: session.counts[name] for name in _COUNTED}
        counts["depth"] = max(
            (int(name[len(_DEPTH) :]) for name in session.counts if name.startswith(_DEPTH)),
            default=0,
        )
        return StageReport(findings={**findings, **counts})

    def _root(self, prompt: Prompt, earlier: pl.DataFrame | None) -> Node:
        if earlier is None:
            return new_root(prompt.prompt_id, origin=self._origin(prompt.prompt_id))
        root = tree_from_rows(earlier, max_depth=self.max_steps)
        back_up(reversed(list(root.subtree())), RULES[self.backup])
        return root

    async def _search(
        self, prompt: Prompt, root: Node, models: Models, evaluation: Evaluation
    ) -> None:
        check = None
        if self.needs_truth() or self.check or prompt.source in models.context.checks:
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
            models.counts["proposals"] += self.proposer.draws(leaf.text)
        if self.backup == "rest":
            infer(root)

    async def _expand(
        self,
        prompt: Prompt,
        leaf: Node,
        models: Models,
        check: BoundedCheck | None,
        evaluation: Evaluation,
    ) -> None:
        """Add the proposed children to ``leaf``, and value them."""
        leaf.expanded = True
        try:
            proposer = self.proposer.for_scorer(self.scorer)
            proposed = await proposer.next_steps(prompt, leaf.text, models[self.model])
        except RowError as error:
            if leaf.parent is None:
                raise
            leaf.error = str(error)
            proposed = []
        ends: dict[Node, Literal["stop", "length"]] = {}
        for one in proposed:
            child = leaf.add_child(
                sound_text(one.step), prior=one.share, origin=self._origin(leaf.node_id, one)
            )
            if one.ended:
                ends[child] = one.finish
        if not proposed and leaf.parent is not None and leaf.error is None:
            ends[leaf] = "stop"
        for end, finish in ends.items():
            end.terminal, end.finish = True, finish
            end.visits = int(end is not leaf)
            if finish == "length" and self.cut == "refuse":
                end.error = f"cut off at {self.proposer.max_tokens:,} tokens"
                continue
            if check is not None:
                answer = check.submit(prompt.messages, prompt.reference, end.text)
                end.right, end.error = await marked(answer)
        await evaluation.value(prompt, leaf.children or list(ends), ends, models)
        for child in leaf.children:
            if child.terminal or child.depth >= self.max_steps:
                child.close()
        if not leaf.children:
            leaf.close()

    def _origin(self, parent: str, step: Proposed | None = None) -> dict[str, Any]:
        return {
            "operator": self.path,
            "model": None if step is None else step.model,
            "parameters": "{}" if step is None else step.parameters,
            "seed": None if step is None else step.seed,
            "parents": [parent],
        }


def _count(nodes: pl.DataFrame, counts: Counter[str]) -> None:
    """Add what is counted of ``nodes``. Depths are counted, for the counts of parts are added."""
    ends = nodes.filter("terminal")
    outcomes = ends.group_by("prompt_id").agg(
        right=pl.col("terminal_correct").any(), wrong=(~pl.col("terminal_correct")).any()
    )
    depth = nodes["depth"].max()
    assert depth is None or isinstance(depth, int)
    counts.update(
        {
            f"{_DEPTH}{depth or 0}": 1,
            "trees": nodes["prompt_id"].n_unique(),
            "nodes": nodes.height,
            "ends": ends.height,
            "prompts with a right end": int(outcomes["right"].sum()),
            "prompts without a wrong end": int((outcomes["right"] & ~outcomes["wrong"]).sum()),
        }
    )


_COUNTED = (
    "trees",
    "nodes",
    "ends",
    "depth",
    "prompts with a right end",
    "prompts without a wrong end",
    "simulations",
    "proposals",
)
_DEPTH = "depth "
"""Begins the name of the count of parts whose deepest node has a depth."""
