"""Write: prompts → responses, revisions, corrupted responses, search trees."""

from generators.best_of_n import BestOfN
from generators.columns import SourceError
from generators.degrade import Degrade
from generators.drafts import Draft, Refusal
from generators.files import Files
from generators.fixed import Fixed
from generators.generator import Generator
from generators.hub import HubDataset
from generators.imported import (
    ImportedDemonstrations,
    ImportedPairs,
    ImportedResponses,
    ImportedSteps,
)
from generators.inject_error import InjectError
from generators.omega_prm import OmegaPRM
from generators.openings import Openings
from generators.proposer import Proposer
from generators.rectify import Rectify
from generators.reference import Reference
from generators.refine import Refine
from generators.repeat_step import RepeatStep
from generators.reviser import Reviser
from generators.sample import Sample
from generators.segment import Segment
from generators.step_beam import Guided, StepBeam
from generators.tree_search import TreeSearch

__all__ = [
    "BestOfN",
    "Degrade",
    "Draft",
    "Files",
    "Fixed",
    "Generator",
    "Guided",
    "HubDataset",
    "ImportedDemonstrations",
    "ImportedPairs",
    "ImportedResponses",
    "ImportedSteps",
    "InjectError",
    "OmegaPRM",
    "Openings",
    "Proposer",
    "Rectify",
    "Reference",
    "Refine",
    "Refusal",
    "RepeatStep",
    "Reviser",
    "Sample",
    "Segment",
    "SourceError",
    "StepBeam",
    "TreeSearch",
]
