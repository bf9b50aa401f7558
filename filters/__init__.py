"""Choose: scores → pairs, labels, kept rows. Pure Polars, no role's model is ever called."""

from filters.confidence.preference_strength import PreferenceStrength
from filters.confidence.rank_agreement import RankAgreement
from filters.confidence.uncertainty import Uncertainty
from filters.confidence.views_agreement import ViewsAgreement
from filters.confidence.weighing import Weighing
from filters.curation.balance import Balance
from filters.curation.by_rank import ByRank
from filters.curation.decontaminate import Decontaminate
from filters.curation.deduplicate import Deduplicate
from filters.curation.diverse import Diverse
from filters.curation.fold import Fold
from filters.curation.language import Language
from filters.curation.mix import mix
from filters.curation.mixture import Mixture
from filters.curation.prompts_by import PromptsBy
from filters.curation.refusals import Refusals
from filters.curation.repetition import Repetition
from filters.curation.semantic import SemanticDuplicates
from filters.curation.threshold import Threshold
from filters.curation.union import Union
from filters.demonstrations.best import Best
from filters.demonstrations.conditioned import Conditioned
from filters.demonstrations.conversations import Conversations
from filters.demonstrations.imitate import Imitate
from filters.demonstrations.join_reasoning import JoinReasoning
from filters.demonstrations.majority_vote import MajorityVote
from filters.demonstrations.ranked_traces import RankedTraces
from filters.demonstrations.traces import Traces
from filters.demonstrations.transcripts import Transcripts
from filters.demonstrations.tree_answers import TreeAnswers
from filters.filter import Filter
from filters.pairs.annotator_pairs import AnnotatorPairs
from filters.pairs.best_worst import BestWorst
from filters.pairs.branch_pairs import BranchPairs
from filters.pairs.contrast_pairs import ContrastPairs
from filters.pairs.convex_augmentation import ConvexAugmentation
from filters.pairs.edited_pairs import EditedPairs
from filters.pairs.graded_pairs import GradedPairs
from filters.pairs.length_bias import LengthBias
from filters.pairs.minimum_margin import MinimumMargin
from filters.pairs.principle_pairs import PrinciplePairs
from filters.pairs.random_pairs import RandomPairs
from filters.pairs.sibling_pairs import SiblingPairs
from filters.pairs.step_pairs import StepPairs
from filters.pairs.token_weights import TokenWeights
from filters.pairs.versus import Versus
from filters.scores.agreeing_criteria import AgreeingCriteria
from filters.scores.combine_scores import CombineScores
from filters.scores.parent_scores import ParentScores
from filters.scores.revised_rubric import RevisedRubric
from filters.steps.aggregate_steps import AggregateSteps
from filters.steps.balance_steps import BalanceSteps
from filters.steps.bounded_reward import BoundedReward
from filters.steps.consensus_steps import ConsensusSteps
from filters.steps.first_wrong_step import FirstWrongStep
from filters.steps.focus_steps import FocusSteps
from filters.steps.label_steps import LabelSteps
from filters.steps.lowest_step import LowestStep
from filters.steps.merge_steps import MergeSteps
from filters.steps.prefix_values import PrefixValues
from filters.steps.prompt_values import PromptValues
from filters.steps.step_progress import StepProgress

__all__ = [
    "AggregateSteps",
    "AgreeingCriteria",
    "AnnotatorPairs",
    "Balance",
    "BalanceSteps",
    "Best",
    "BestWorst",
    "BoundedReward",
    "BranchPairs",
    "ByRank",
    "CombineScores",
    "Conditioned",
    "ConsensusSteps",
    "ContrastPairs",
    "Conversations",
    "ConvexAugmentation",
    "Decontaminate",
    "Deduplicate",
    "Diverse",
    "EditedPairs",
    "Filter",
    "FirstWrongStep",
    "FocusSteps",
    "Fold",
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
    "Mixture",
    "ParentScores",
    "PreferenceStrength",
    "PrefixValues",
    "PrinciplePairs",
    "PromptValues",
    "PromptsBy",
    "RandomPairs",
    "RankAgreement",
    "RankedTraces",
    "Refusals",
    "Repetition",
    "RevisedRubric",
    "SemanticDuplicates",
    "SiblingPairs",
    "StepPairs",
    "StepProgress",
    "Threshold",
    "TokenWeights",
    "Traces",
    "Transcripts",
    "TreeAnswers",
    "Uncertainty",
    "Union",
    "Versus",
    "ViewsAgreement",
    "Weighing",
    "mix",
]
