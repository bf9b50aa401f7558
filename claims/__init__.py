"""Measures of recipes' claims. Each compares a recipe's tables with those of its control."""

from assets.project.measure import Figures, Measure, UnmeasurableError
from claims.all_of import AllOf
from claims.best_of_n import BestOfNGain
from claims.calibration import Calibration
from claims.cost import Cost
from claims.cumulative_regret import CumulativeRegret
from claims.data_efficiency import DataEfficiency
from claims.false_positives import FalsePositives
from claims.first_error import FirstErrorF1
from claims.gap import RewardGap
from claims.graded import GradedScores
from claims.group_accuracy import GroupAccuracy
from claims.injected import InjectedErrors
from claims.label_accuracy import LabelAccuracy
from claims.method_order import MethodOrder
from claims.overoptimisation import Overoptimisation
from claims.policy_gain import PolicyGain
from claims.rank_agreement import RankAgreement
from claims.repeated_steps import RepeatedSteps
from claims.response_accuracy import ResponseAccuracy
from claims.reward_accuracy import RewardAccuracy
from claims.selective import Selective
from claims.self_correction import SelfCorrection
from claims.step_labels import StepLabelAccuracy, StepRanking
from claims.turned_verdicts import TurnedVerdicts
from claims.twin_consistency import TwinConsistency
from claims.weighted_accuracy import WeightedAccuracy

__all__ = [
    "AllOf",
    "BestOfNGain",
    "Calibration",
    "Cost",
    "CumulativeRegret",
    "DataEfficiency",
    "FalsePositives",
    "Figures",
    "FirstErrorF1",
    "GradedScores",
    "GroupAccuracy",
    "InjectedErrors",
    "LabelAccuracy",
    "Measure",
    "MethodOrder",
    "Overoptimisation",
    "PolicyGain",
    "RankAgreement",
    "RepeatedSteps",
    "ResponseAccuracy",
    "RewardAccuracy",
    "RewardGap",
    "Selective",
    "SelfCorrection",
    "StepLabelAccuracy",
    "StepRanking",
    "TurnedVerdicts",
    "TwinConsistency",
    "UnmeasurableError",
    "WeightedAccuracy",
]
