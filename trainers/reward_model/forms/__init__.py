"""Forms of reward models: what is learnt from a pair."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator

from trainers.reward_model.forms.bradley_terry import BradleyTerry
from trainers.reward_model.forms.combined import Combined
from trainers.reward_model.forms.disentangled import Disentangled
from trainers.reward_model.forms.embedding import Embedding
from trainers.reward_model.forms.pair_form import PairForm
from trainers.reward_model.forms.scaled import Scaled
from trainers.reward_model.forms.smoothed import Smoothed

__all__ = [
    "BradleyTerry",
    "Combined",
    "Disentangled",
    "Embedding",
    "Form",
    "PairForm",
    "Scaled",
    "Smoothed",
]


def _by_name(form: Any) -> Any:
    """The name of a form alone as the form with its defaults."""
    return {"name": form} if isinstance(form, str) else form


Form = Annotated[
    Annotated[
        BradleyTerry | Scaled | Combined | Disentangled | Smoothed | Embedding,
        Discriminator("name"),
    ],
    BeforeValidator(_by_name),
]
"""A form by its name, or as a mapping of its name and its parameters."""
