"""The best of several responses, as an annotator scores them."""

from collections.abc import Sequence

from pydantic import Field

from engines.model import Models
from engines.operators.refusal import Refusal
from engines.operators.scores import ScorerSession, verdict_of
from engines.rows import Prompt, Response
from generators.drafts import Draft
from generators.search.chooser import Chooser
from schemas import content_id


class BestOfN(Chooser):
    """The best of ``n`` independent responses per prompt by the score of ``scorer`` (Cobbe et al.
    2021, arXiv:2110.14168); the first drawn of equals.

    `generators.Sample` with the same ``n`` draws the same responses, so they are generated once for
    both. A prompt is dropped if none of its responses could be scored.
    """

    n: int = Field(default=8, ge=1)

    async def choose(
        self, prompt: Prompt, models: Models, scorer: ScorerSession
    ) -> Sequence[Draft] | Refusal:
        """One draft."""
        sampled = await models[self.model].generate(
            prompt.messages, n=self.n, sampling=self.sampling
        )
        # Equal texts are scored once.
        texts = dict.fromkeys(one.text for one in sampled)
        first = {one.text: one for one in reversed(sampled)}
        answers = [
            Response(
                content_id(text),
                prompt.prompt_id,
                text,
                first[text].finish,
                {},
                tokens=first[text].tokens,
            )
            for text in texts
        ]
        scores = await scorer.score(prompt, answers, models)
        values = {one.text: verdict_of(scores, one.response_id) for one in answers}
        valued = {text: value for text, value in values.items() if value is not None}
        if not valued:
            error = scores[0].error if scores else None
            return Refusal("no answer could be scored", {"error": error})
        best = max(sampled, key=lambda one: valued.get(one.text, float("-inf")))
        return [Draft.of(best, best_of=self.n, value=valued[best.text])]
