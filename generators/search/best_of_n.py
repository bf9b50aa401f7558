"""The best of several answers, as an annotator finds them."""

from collections.abc import Sequence

from pydantic import Field

from engines.model import Models
from engines.operators.scores import ScorerSession, verdict_of
from engines.protocol import Sampling
from engines.rows import Prompt, Response
from generators.drafts import Draft, Refusal
from generators.search.chooser import Chooser
from schemas import content_id


class BestOfN(Chooser):
    """One response a prompt: of ``n`` drawn independently the one that ``scorer`` rates highest
    (Cobbe et al. 2021, arXiv:2110.14168); of equals the first drawn.

    The answers are those that `generators.Sample` draws with the same ``n``, so both pay once.
    A prompt none of whose answers could be scored is dropped.
    """

    n: int = Field(default=8, ge=1)

    async def choose(
        self, prompt: Prompt, models: Models, scorer: ScorerSession
    ) -> Sequence[Draft] | Refusal:
        """One draft."""
        sampling = Sampling(temperature=self.temperature, max_tokens=self.max_tokens)
        written = await models[self.model].generate(prompt.messages, n=self.n, sampling=sampling)
        # Two answers that say the same are one, scored once.
        texts = dict.fromkeys(one.text for one in written)
        first = {one.text: one for one in reversed(written)}
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
        opinions = await scorer.score(prompt, answers, models)
        values = {one.text: verdict_of(opinions, one.response_id) for one in answers}
        known = {text: value for text, value in values.items() if value is not None}
        if not known:
            error = opinions[0].error if opinions else None
            return Refusal("no answer could be scored", {"error": error})
        best = max(written, key=lambda one: known.get(one.text, float("-inf")))
        return [Draft.of(best, best_of=self.n, value=known[best.text])]
