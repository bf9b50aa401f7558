"""The base of the three components: their attributes are taken as they stand in the file."""

from typing import Any, Self

import dagster as dg

from assets.project.declaration import Declaration
from assets.project.folders import declaring_file


class DeclaredComponent(Declaration, dg.Component, dg.Resolvable):
    """A Dagster component that a ``defs.yaml`` declares."""

    @classmethod
    def of(cls, spec: Declaration) -> Self:
        """The component of what a file declares."""
        component = cls.model_validate(spec.model_dump(exclude_unset=True))
        component._file = spec.file
        return component

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> Self:
        """The component, where Dagster's own loader reads the file."""
        file = declaring_file(context.path) or context.path
        return cls.declared(attributes and attributes.model_dump(exclude_unset=True), file)
