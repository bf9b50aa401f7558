"""What the nodes of a search tree are worth by themselves, before anything is backed up to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engines.model import Models
from engines.operators.scores import ScorerSession, value_of
from engines.rows import BEGUN, Prompt, Response
from generators.search.tree import Node


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Values nodes by ``scorer``, whose ``scale`` is mapped to [0, 1], and checked ends by
    ``outcome`` times whether they are right and the rest of what the scorer says of them."""

    scorer: ScorerSession | None
    scale: tuple[float, float]
    outcome: float

    async def value(
        self, prompt: Prompt, nodes: Sequence[Node], ends: Mapping[Node, str], models: Models
    ) -> None:
        """Set ``own`` of each of ``nodes``, and ``error`` where there is none; ``ends`` are those
        that end an answer, and how. The scorer is asked of all at once, but not of ends that the
        check alone values."""
        asked = [node for node in nodes if node.right is None or self.outcome < 1]
        said: Mapping[Node, float] = {}
        if self.scorer is not None and asked:
            said = await self._scored(self.scorer, prompt, asked, ends, models)
        for node in nodes:
            node.own = said.get(node)
            if node.right is not None:
                rest = 0.0 if node.own is None else node.own
                weight = 1.0 if node.own is None else self.outcome
                node.own = weight * node.right + (1 - weight) * rest

    async def _scored(
        self,
        scorer: ScorerSession,
        prompt: Prompt,
        asked: Sequence[Node],
        ends: Mapping[Node, str],
        models: Models,
    ) -> Mapping[Node, float]:
        responses = [
            Response(
                node.node_id,
                prompt.prompt_id,
                node.text,
                ends.get(node, BEGUN),
                dict(node.made),
            )
            for node in asked
        ]
        opinions = await scorer.score(prompt, responses, models)
        low, high = self.scale
        found = {}
        for node in asked:
            value = value_of(opinions, node.node_id)
            if value is not None:
                found[node] = min(1.0, max(0.0, (value - low) / (high - low)))
            elif node.error is None:
                mine = (one for one in opinions if one.response_id == node.node_id)
                node.error = next((one.error for one in mine if one.error), "no score")
        return found
