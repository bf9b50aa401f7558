"""The parameters of operators whose model samples texts."""

from typing import Annotated

from pydantic import Field

from engines.protocol import Sampling
from schemas import ModelDefault
from schemas.parameters import Parameters


class Sampled(Parameters):
    """How texts are sampled. By default as the profile of the model says (`engines.profiles`).

    ``temperature`` 0 is greedy; ``top_p`` 1 and ``top_k`` 0 are off. A text of more than
    ``max_tokens`` tokens is cut off. With ``max_thinking_tokens``, a longer thought is closed, and
    ``max_tokens`` is of the answer after it alone (`engines.chat.thinking_budget`).
    """

    temperature: Annotated[float, ModelDefault()] = Field(default=1.0, ge=0)
    top_p: Annotated[float, ModelDefault()] = Field(default=1.0, gt=0, le=1)
    top_k: Annotated[int, ModelDefault()] = Field(default=0, ge=0)
    max_tokens: Annotated[int, ModelDefault()] = Field(default=256, ge=1)
    max_thinking_tokens: int | None = Field(default=None, ge=1)

    @property
    def sampling(self) -> Sampling:
        """How each text is sampled."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            max_tokens=self.max_tokens,
            max_thinking_tokens=self.max_thinking_tokens,
        )


class Varied(Sampled):
    """`Sampled` at a temperature above 0: several texts of one prompt must differ."""

    temperature: Annotated[float, ModelDefault()] = Field(default=1.0, gt=0)
