"""Write: prompts → responses, revisions, corrupted responses, search trees."""

from generators.columns import SourceError
from generators.files import Files
from generators.generator import Draft, Generator
from generators.hub import HubDataset
from generators.sample import Sample

__all__ = ["Draft", "Files", "Generator", "HubDataset", "Sample", "SourceError"]
