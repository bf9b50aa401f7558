"""Instructions as a source of prompts for the factory."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from .checking import written
from .drawing import instruction
from .wording import VERSION, Split


class Instructions(BaseModel):
    """An endless sequence of instructions, each with one constraint or two that
    `instructions.check` checks.

    The splits ``train`` and ``held_out`` share no topic and no wording.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    split: Split = "train"

    licence: ClassVar[str] = "CC0-1.0"
    """The licence of the prompts: they are generated, and free for any use."""

    def prompts(self, start: int = 0) -> Iterator[dict[str, Any]]:
        """Prompts from number ``start`` (0, 1, …) on, without end.

        Each has ``messages`` (one user turn), ``reference`` (its constraints as JSON), ``source``,
        ``source_revision`` and ``licence``.
        """
        index = start
        while True:
            asked = instruction(self.seed, index, split=self.split)
            yield {
                "messages": [{"role": "user", "content": asked.text}],
                "reference": written(asked.constraints),
                "source": "instructions",
                "source_revision": VERSION,
                "licence": self.licence,
            }
            index += 1
