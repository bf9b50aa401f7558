"""Generators write responses, revisions of responses, corrupted responses and search trees."""

from engines.operators.refusal import Refusal
from generators.drafts import Draft
from generators.generator import Generator
from generators.revision.degrade import Degrade
from generators.revision.inject_error import InjectError
from generators.revision.openings import Openings
from generators.revision.rectify import Rectify
from generators.revision.refine import Refine
from generators.revision.repeat_step import RepeatStep
from generators.revision.reviser import Reviser
from generators.revision.rewrite import Rewrite
from generators.sampling.fixed import Fixed
from generators.sampling.imported import (
    ImportedDemonstrations,
    ImportedPairs,
    ImportedResponses,
    ImportedSteps,
)
from generators.sampling.reference import Reference
from generators.sampling.sample import Sample
from generators.sampling.segment import Segment
from generators.search.best_of_n import BestOfN
from generators.search.omega_prm import OmegaPRM
from generators.search.proposer import Proposer
from generators.search.step_beam import Guided, StepBeam
from generators.search.tree_search import TreeSearch
from generators.sources.columns import SourceError
from generators.sources.draw import Draw
from generators.sources.files import Files
from generators.sources.hub import HubDataset

__all__ = [
    "BestOfN",
    "Degrade",
    "Draft",
    "Draw",
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
    "Rewrite",
    "Sample",
    "Segment",
    "SourceError",
    "StepBeam",
    "TreeSearch",
]
