"""What models are paid for, and at what price."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from schemas.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Cost:
    """What models are paid for.

    Attributes:
        calls: answers.
        prompt_tokens: tokens that they read: prompts, and texts that they score.
        answer_tokens: tokens that they write.
    """

    calls: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.answer_tokens + other.answer_tokens,
        )


Amount = Annotated[float, Field(ge=0)]


class Price(Parameters):
    """The price of a model's answers, as its provider states it.

    Attributes:
        prompt: of a million tokens that the model reads.
        answer: of a million tokens that it writes.
        currency: the currency, as USD.
    """

    prompt: Amount
    answer: Amount
    currency: str = Field(default="USD", min_length=1, max_length=10)

    def of(self, prompt_tokens: float, answer_tokens: float) -> float:
        """The price of so many tokens, in the currency."""
        return (self.prompt * prompt_tokens + self.answer * answer_tokens) / 1e6
