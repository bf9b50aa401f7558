"""Comparisons and ratings at once."""

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from trainers.reward_model.forms.pair_form import Loss, Outputs, PairForm


class Combined(PairForm):
    """The loss of form bradley_terry, plus ``regression`` times the mean of (r − rating)² over the
    sides that have a rating.

    So the reward is in the unit of the ratings, and its differences in nats of preference. The
    report has ``error/rating``.

    Source: Wang et al. 2024, HelpSteer2-Preference (arXiv:2410.01257), which learns ratings and
    comparisons one after the other (``checkpoint``); here they are one loss.
    """

    reads_ratings: ClassVar[bool] = True

    name: Literal["combined"] = "combined"
    regression: float = Field(1.0, gt=0)

    def loss(self, outputs: Outputs) -> Loss:
        plain, batch = super().loss(outputs), outputs.batch
        squares = (outputs.logits.float() - batch["ratings"]).square() * batch["rated"]
        chosen, rejected = squares.chunk(2)
        one, other = batch["rated"].chunk(2)
        errors = (chosen + rejected) / (one.float() + other.float())
        return replace(
            plain,
            pairs=plain.pairs + self.regression * errors,
            figures={"error/rating": squares[batch["rated"]]},
        )
