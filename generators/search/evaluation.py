"""The nodes' own values in a search tree, before anything is backed up to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engines.model import Models
from engines.operators.scores import ScorerSession, value_of
from engines.rows import BEGUN, Prompt, Response
from generators.search.tree import Node


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Gives nodes their own values. ``scorer`` scores beginnings; its range ``scale`` is mapped to
    [0, 1]. A checked end is worth ``outcome`` · right + (1 − ``outcome``) · score."""

    scorer: ScorerSession | None
    scale: tuple[float, float]
    outcome: float

    async def value(
        self, prompt: Prompt, nodes: Sequence[Node], ends: Mapping[Node, str], models: Models
    ) -> None:
        """Set ``own`` of each of ``nodes``, and ``error`` if it has no score.

        Args:
            prompt: what is answered.
            nodes: the nodes to value, scored in one call. An end whose value is its check alone
                is not scored.
            ends: the nodes that end an answer, with their finish.
            models: the models of the run.
        """
        to_score = [node for node in nodes if node.right is None or self.outcome < 1]
        scores: Mapping[Node, float] = {}
        if self.scorer is not None and to_score:
            scores = await self._scored(self.scorer, prompt, to_score, ends, models)
        for node in nodes:
            node.own = scores.get(node)
            if node.right is not None:
                rest = 0.0 if node.own is None else node.own
                weight = 1.0 if node.own is None else self.outcome
                node.own = weight * node.right + (1 - weight) * rest

    async def _scored(
        self,
        scorer: ScorerSession,
        prompt: Prompt,
        to_score: Sequence[Node],
        ends: Mapping[Node, str],
        models: Models,
    ) -> Mapping[Node, float]:
        responses = [
            Response(
                node.node_id,
                prompt.prompt_id,
                node.text,
                ends.get(node, BEGUN),
                dict(node.origin),
            )
            for node in to_score
        ]
        scores = await scorer.score(prompt, responses, models)
        low, high = self.scale
        values = {}
        for node in to_score:
            value = value_of(scores, node.node_id)
            if value is not None:
                values[node] = min(1.0, max(0.0, (value - low) / (high - low)))
            elif node.error is None:
                own_scores = (one for one in scores if one.response_id == node.node_id)
                node.error = next((one.error for one in own_scores if one.error), "no score")
        return values
