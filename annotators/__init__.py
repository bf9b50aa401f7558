"""Annotators score responses: scores, judgements, values of steps."""

from annotators.annotator import Annotator
from annotators.criteria.criteria import Criteria
from annotators.criteria.criteria_judge import CriteriaJudge
from annotators.criteria.criteria_reward import CriteriaReward
from annotators.criteria.criterion import Criterion
from annotators.criteria.extracted_rules import ExtractedRules
from annotators.criteria.listwise_items import ListwiseItems
from annotators.criteria.rubric import Rubric
from annotators.criteria.step_criteria import StepCriteria
from annotators.judge.checklist import Checklist
from annotators.judge.grade_match import GradeMatch
from annotators.judge.grade_votes import GradeVotes
from annotators.judge.item_answers import ItemAnswers
from annotators.judge.judge import Judge
from annotators.judge.judging_items import JudgingItems
from annotators.judge.p_true import PTrue
from annotators.judge.pairwise_items import PairwiseItems
from annotators.judge.verdict_match import VerdictMatch
from annotators.probes.probed import ProbedAnnotator
from annotators.rewards.blended import Blended
from annotators.rewards.density_ratio import DensityRatio, Exemplar
from annotators.rewards.followup_likelihood import FollowupLikelihood
from annotators.rewards.implicit_reward import ImplicitReward
from annotators.rewards.likelihood import Likelihood
from annotators.rewards.mixture_reward import MixtureReward
from annotators.rewards.p_ik import PIK
from annotators.rewards.preference_score import PreferenceScore
from annotators.rewards.process_reward import ProcessReward
from annotators.rewards.reward import Reward
from annotators.rewards.token_contrast import TokenContrast
from annotators.stored.imported_scores import ImportedScores
from annotators.stored.reviewed import Reviewed
from annotators.stored.transition import Transition
from annotators.truth.critique_utility import CritiqueUtility
from annotators.truth.first_error import FirstError
from annotators.truth.overlap import Overlap
from annotators.truth.premise_check import PremiseCheck
from annotators.truth.rollout_value import RolloutValue
from annotators.truth.simulated import Simulated
from annotators.truth.simulated_steps import SimulatedSteps
from annotators.truth.step_verifier import StepVerifier
from annotators.truth.verifier import Verifier
from engines.operators.scores import Score

Opinion = Score
"""The earlier name of `Score`."""

__all__ = [
    "PIK",
    "Annotator",
    "Blended",
    "Checklist",
    "Criteria",
    "CriteriaJudge",
    "CriteriaReward",
    "Criterion",
    "CritiqueUtility",
    "DensityRatio",
    "Exemplar",
    "ExtractedRules",
    "FirstError",
    "FollowupLikelihood",
    "GradeMatch",
    "GradeVotes",
    "ImplicitReward",
    "ImportedScores",
    "ItemAnswers",
    "Judge",
    "JudgingItems",
    "Likelihood",
    "ListwiseItems",
    "MixtureReward",
    "Opinion",
    "Overlap",
    "PTrue",
    "PairwiseItems",
    "PreferenceScore",
    "PremiseCheck",
    "ProbedAnnotator",
    "ProcessReward",
    "Reviewed",
    "Reward",
    "RolloutValue",
    "Rubric",
    "Score",
    "Simulated",
    "SimulatedSteps",
    "StepCriteria",
    "StepVerifier",
    "TokenContrast",
    "Transition",
    "VerdictMatch",
    "Verifier",
]
