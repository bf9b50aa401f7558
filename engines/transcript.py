"""What a stage asks models, question by question, so that a row can be traced."""

from collections.abc import Callable
from dataclasses import dataclass

from engines.protocol import Rendered


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to a model.

    Attributes:
        role: the role of the model.
        row_id: the row that it is about: an answer, a node of a tree, a prompt, or two answers
            with a bar between them.
        verb: ``generate``, ``score``, ``choose`` or ``reward``.
        prompt: the question as the model reads it.
        journaled: whether the journal has the answer. Its key is a digest of the model and of the
            question, so the model has then been asked exactly this.
    """

    role: str
    row_id: str
    verb: str
    prompt: Rendered
    journaled: bool


Transcript = Callable[[Asked], None]
"""Takes the questions of a stage as they are asked."""
