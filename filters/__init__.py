"""Choose: scores → pairs, labels, kept rows. Pure Polars, no role's model is ever called."""

from filters.aggregate_steps import AggregateSteps
from filters.balance import Balance
from filters.balance_steps import BalanceSteps
from filters.best import Best
from filters.best_worst import BestWorst
from filters.bounded_reward import BoundedReward
from filters.branch_pairs import BranchPairs
from filters.consensus_steps import ConsensusSteps
from filters.decontaminate import Decontaminate
from filters.deduplicate import Deduplicate
from filters.diverse import Diverse
from filters.edited_pairs import EditedPairs
from filters.filter import Filter
from filters.graded_pairs import GradedPairs
from filters.imitate import Imitate
from filters.join_reasoning import JoinReasoning
from filters.label_steps import LabelSteps
from filters.language import Language
from filters.length_bias import LengthBias
from filters.lowest_step import LowestStep
from filters.majority_vote import MajorityVote
from filters.merge_steps import MergeSteps
from filters.minimum_margin import MinimumMargin
from filters.mix import mix
from filters.preference_strength import PreferenceStrength
from filters.prefix_values import PrefixValues
from filters.random_pairs import RandomPairs
from filters.rank_agreement import RankAgreement
from filters.ranked_traces import RankedTraces
from filters.refusals import Refusals
from filters.repetition import Repetition
from filters.semantic import SemanticDuplicates
from filters.sibling_pairs import SiblingPairs
from filters.step_pairs import StepPairs
from filters.threshold import Threshold
from filters.traces import Traces
from filters.uncertainty import Uncertainty
from filters.union import Union
from filters.versus import Versus
from filters.views_agreement import ViewsAgreement
from filters.weighing import Weighing

__all__ = [
    "AggregateSteps",
    "Balance",
    "BalanceSteps",
    "Best",
    "BestWorst",
    "BoundedReward",
    "BranchPairs",
    "ConsensusSteps",
    "Decontaminate",
    "Deduplicate",
    "Diverse",
    "EditedPairs",
    "Filter",
    "GradedPairs",
    "Imitate",
    "JoinReasoning",
    "LabelSteps",
    "Language",
    "LengthBias",
    "LowestStep",
    "MajorityVote",
    "MergeSteps",
    "MinimumMargin",
    "PreferenceStrength",
    "PrefixValues",
    "RandomPairs",
    "RankAgreement",
    "RankedTraces",
    "Refusals",
    "Repetition",
    "SemanticDuplicates",
    "SiblingPairs",
    "StepPairs",
    "Threshold",
    "Traces",
    "Uncertainty",
    "Union",
    "Versus",
    "ViewsAgreement",
    "Weighing",
    "mix",
]
