"""The Bradley-Terry model."""

from typing import Literal

from trainers.reward_model.forms.pair_form import PairForm


class BradleyTerry(PairForm):
    """The loss of `trainers.RewardModel` as described there."""

    name: Literal["bradley_terry"] = "bradley_terry"
