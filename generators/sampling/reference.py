"""The reference answers of the prompts."""

from collections.abc import Sequence

from engines.model import Models
from engines.operators.refusal import Refusal
from engines.rows import Prompt
from generators.drafts import Draft
from generators.generator import Generator
from schemas import Truth


class Reference(Generator):
    """The reference of each prompt as a response to it. Calls no model.

    With worked answers as references, this is what self-play learns to write (SPIN, Chen et al.
    2024, arXiv:2401.01335). A prompt whose reference is missing or blank is dropped.
    """

    def needs_truth(self) -> Truth | None:
        return "reference"

    async def write(self, prompt: Prompt, models: Models) -> Sequence[Draft] | Refusal:
        """One draft, whose text is the reference."""
        if prompt.reference is None or not prompt.reference.strip():
            return Refusal("no reference")
        return [Draft.by_rule(prompt.reference)]
