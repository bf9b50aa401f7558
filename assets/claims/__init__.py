"""What recipes claim, measured: each measure compares a recipe's tables with its control's."""

from assets.claims.best_of_n import BestOfNGain
from assets.claims.calibration import Calibration
from assets.claims.false_positives import FalsePositives
from assets.claims.first_error import FirstErrorF1
from assets.claims.gap import RewardGap
from assets.claims.graded import GradedScores
from assets.claims.injected import InjectedErrors
from assets.claims.label_accuracy import LabelAccuracy
from assets.claims.measure import Figures, Measure, UnmeasurableError
from assets.claims.policy_gain import PolicyGain
from assets.claims.repeated_steps import RepeatedSteps
from assets.claims.reward_accuracy import RewardAccuracy
from assets.claims.step_labels import StepLabelAccuracy, StepRanking
from assets.claims.weighted_accuracy import WeightedAccuracy

__all__ = [
    "BestOfNGain",
    "Calibration",
    "FalsePositives",
    "Figures",
    "FirstErrorF1",
    "GradedScores",
    "InjectedErrors",
    "LabelAccuracy",
    "Measure",
    "PolicyGain",
    "RepeatedSteps",
    "RewardAccuracy",
    "RewardGap",
    "StepLabelAccuracy",
    "StepRanking",
    "UnmeasurableError",
    "WeightedAccuracy",
]
