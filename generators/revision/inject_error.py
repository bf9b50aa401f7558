"""Right answers with one small error put in by the model itself."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from engines.model import Models
from engines.protocol import Sampling
from engines.rows import Prompt, Response
from generators.drafts import Draft, Refusal
from generators.revision.reviser import Reviser
from schemas import GeneratingRole, InnerFile, content_id


class InjectError(Reviser):
    """Each response written again by ``model`` with an error of a kind given beforehand.

    One of ``kinds`` is drawn for each response, by ``seed`` and its id, and put into the template
    as ``kind``. The one that comes with the factory spells out ``number`` (a number that the
    problem gives is copied wrongly), ``operation`` (another operation is done), ``sum`` (a result
    is miscalculated), ``swap`` (two terms change places) and ``term`` (a term is left out); another
    kind is put to the model in its own words. The kind is among the ``parameters`` of the draft's
    origin. Give it right responses (`filters.Threshold`), and let `filters.EditedPairs` see to it
    that the error is small and real: whatever the model writes comes through here.

    Source: Xu et al. 2024, Subtle Errors Matter (RISE, arXiv:2410.06638). The kinds are those of
    the public code (kaishxu/RISE: value, substitution, symbol, deleted term, swapped terms). That
    edits one step shown apart and puts it back by replacing every occurrence of its text; here
    the model is shown the whole answer and writes the whole, so nothing can be put back wrongly.
    """

    model: GeneratingRole = "policy"
    kinds: tuple[str, ...] = Field(default=("number", "operation", "sum"), min_length=1)
    temperature: float = Field(default=1.0, ge=0)
    max_tokens: int = Field(default=512, ge=1)
    seed: int = 0
    template: InnerFile = "inject_error"

    async def revise(
        self, prompt: Prompt, response: Response, remark: Any, models: Models
    ) -> Sequence[Draft] | Refusal:
        """One draft."""
        model = models[self.model]
        kind = self.kind(response.response_id)
        asked = self.ask(model, self.template, prompt=prompt, response=response.text, kind=kind)
        sampling = Sampling(temperature=self.temperature, max_tokens=self.max_tokens)
        (edited,) = await model.generate(asked, sampling=sampling)
        return [Draft.of(edited, parents=(response.response_id,), kind=kind)]

    def kind(self, response_id: str) -> str:
        """The kind of error that this response is given."""
        tie_break = int(content_id(self.seed, response_id), 16)
        return self.kinds[tie_break % len(self.kinds)]
