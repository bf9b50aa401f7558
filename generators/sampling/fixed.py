"""The same texts for every prompt."""

from collections.abc import Sequence
from typing import Annotated

from annotated_types import MinLen
from pydantic import Field

from engines.model import Models
from engines.rows import Prompt
from generators.drafts import Draft
from generators.generator import Generator


class Fixed(Generator):
    """Each of ``texts`` as a response to every prompt. Calls no model.

    Texts without content (":", "Thought process:") are answers that a judge must not accept (Zhao
    et al. 2025, One Token to Fool LLM-as-a-Judge, arXiv:2507.08794). A verdict as text is a target
    for training a judge.
    """

    texts: tuple[Annotated[str, MinLen(1)], ...] = Field(min_length=1)

    async def write(self, prompt: Prompt, models: Models) -> Sequence[Draft]:
        """One draft per text."""
        return [Draft.by_rule(text) for text in self.texts]
