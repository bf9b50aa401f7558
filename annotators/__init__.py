"""Score: responses → scores, judgements, step values."""

from annotators.annotator import Annotator, Opinion
from annotators.likelihood import Likelihood
from annotators.verifier import Verifier

__all__ = ["Annotator", "Likelihood", "Opinion", "Verifier"]
