"""Score: responses → scores, judgements, step values."""

from annotators.annotator import Annotator
from annotators.checklist import Checklist
from annotators.density_ratio import DensityRatio, Exemplar
from annotators.first_error import FirstError
from annotators.followup_likelihood import FollowupLikelihood
from annotators.grade_match import GradeMatch
from annotators.implicit_reward import ImplicitReward
from annotators.imported_scores import ImportedScores
from annotators.judge import Judge
from annotators.judging_items import JudgingItems
from annotators.likelihood import Likelihood
from annotators.p_true import PTrue
from annotators.probed import ProbedAnnotator
from annotators.process_reward import ProcessReward
from annotators.reviewed import Reviewed
from annotators.reward import Reward
from annotators.rollout_value import RolloutValue
from annotators.step_verifier import StepVerifier
from annotators.verifier import Verifier
from engines.opinion import Opinion

__all__ = [
    "Annotator",
    "Checklist",
    "DensityRatio",
    "Exemplar",
    "FirstError",
    "FollowupLikelihood",
    "GradeMatch",
    "ImplicitReward",
    "ImportedScores",
    "Judge",
    "JudgingItems",
    "Likelihood",
    "Opinion",
    "PTrue",
    "ProbedAnnotator",
    "ProcessReward",
    "Reviewed",
    "Reward",
    "RolloutValue",
    "StepVerifier",
    "Verifier",
]
