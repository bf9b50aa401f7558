"""The Dagster component of a curated dataset: ``type: assets.Dataset``
(`assets.project.dataset`)."""

import dagster as dg

from assets.components.declared import DeclaredComponent
from assets.project.dataset import DatasetSpec


class Dataset(DatasetSpec, DeclaredComponent):
    """A curated dataset."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return no definitions.

        A dataset may use recipes of another folder. So `assets.definitions` builds its asset
        after all folders are loaded.
        """
        return dg.Definitions()
