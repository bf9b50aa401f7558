"""The estimated cost of a run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from assets.costs.training import TrainingCost
from schemas import Price


@dataclass(frozen=True)
class Estimate:
    """A number of which a sample is known.

    Attributes:
        value: The estimate.
        error: Half of its 95 % interval, by the differences between the rows of the sample. 0 if
            all rows are alike.
    """

    value: float
    error: float = 0.0

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.value + other.value, math.hypot(self.error, other.error))


@dataclass(frozen=True)
class RoleCost:
    """What a stage asks of the model of a role.

    Attributes:
        stage: The stage.
        role: The role.
        calls: The answers that are to be paid for.
        prompt_tokens: The tokens that the model reads for them.
        answer_tokens: The tokens that it writes.
        journaled: Further answers, which the journal has already.
        price: The price of its model; None if the binding states none.
    """

    stage: str
    role: str
    calls: Estimate
    prompt_tokens: Estimate
    answer_tokens: Estimate
    journaled: int
    price: Price | None = None

    def __add__(self, other: "RoleCost") -> "RoleCost":
        return RoleCost(
            self.stage,
            self.role,
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.answer_tokens + other.answer_tokens,
            self.journaled + other.journaled,
            self.price,
        )

    @property
    def paid(self) -> Estimate | None:
        """What the calls cost, in the currency of the price; None if that is not known."""
        if self.price is None:
            return None
        tokens = self.prompt_tokens, self.answer_tokens
        return Estimate(
            self.price.of(*(one.value for one in tokens)),
            self.price.of(*(one.error for one in tokens)),
        )


@dataclass(frozen=True)
class Plan:
    """The estimated cost of a run.

    Attributes:
        recipe: The name of the recipe.
        refresh: The refresh.
        prompts: The prompts that the run draws.
        sample: The prompts of the trial. Their answers are in the journal now.
        roles: What the stages ask of models.
        trainings: The trainings.
        unknown: Why the cost of a stage is not known, by stage.
    """

    recipe: str
    refresh: str
    prompts: int
    sample: int
    roles: Sequence[RoleCost]
    trainings: Sequence[TrainingCost] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)

    def total(self, name: str) -> Estimate:
        """The sum of ``calls``, ``prompt_tokens`` or ``answer_tokens``."""
        return sum((getattr(each, name) for each in self.roles), Estimate(0.0))

    @property
    def paid(self) -> Mapping[str, Estimate]:
        """What all calls cost, by currency, as far as prices are known."""
        found: dict[str, Estimate] = {}
        for each in self.roles:
            if each.price is not None and each.paid is not None:
                currency = each.price.currency
                found[currency] = found.get(currency, Estimate(0.0)) + each.paid
        return found

    def as_json(self) -> dict[str, Any]:
        """The object that ``factory plan --json`` prints."""
        return asdict(self) | {
            "roles": [
                asdict(each)
                | {
                    "price": each.price and each.price.model_dump(),
                    "paid": each.paid and asdict(each.paid),
                }
                for each in self.roles
            ],
            "paid": {currency: asdict(each) for currency, each in self.paid.items()},
        }
