"""The Dagster component of a downstream model: ``type: assets.Model`` (`assets.project.model`)."""

import dagster as dg

from assets.components.declared import DeclaredComponent
from assets.project.model import ModelSpec


class Model(ModelSpec, DeclaredComponent):
    """A model that is trained on curated datasets."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return no definitions.

        A model reads datasets of other folders. So `assets.definitions` builds its assets after all
        folders are loaded.
        """
        return dg.Definitions()
