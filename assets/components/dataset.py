"""The Dagster component of a curated dataset: ``type: assets.Dataset``
(`assets.project.dataset`)."""

import dagster as dg

from assets.components.declared import DeclaredComponent
from assets.project.dataset import DatasetSpec


class Dataset(DatasetSpec, DeclaredComponent):
    """A curated dataset."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Nothing. The recipes that a dataset is made from may lie in another folder, so its asset
        is made where all of them are known (`assets.definitions`)."""
        return dg.Definitions()
