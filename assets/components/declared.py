"""The base class of the three components: it takes attributes from the file without templating."""

from typing import Any, Self

import dagster as dg

from assets.project.declaration import Declaration
from assets.project.folders import declaring_file


class DeclaredComponent(Declaration, dg.Component, dg.Resolvable):
    """A Dagster component that a ``defs.yaml`` declares."""

    @classmethod
    def of(cls, spec: Declaration) -> Self:
        """Make the component of a declaration."""
        component = cls.model_validate(spec.model_dump(exclude_unset=True))
        component._file = spec.file
        return component

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> Self:
        """Make the component when Dagster's own loader reads the file.

        Raises:
            RecipeError: An attribute is wrong.
        """
        file = declaring_file(context.path) or context.path
        return cls.declared(attributes and attributes.model_dump(exclude_unset=True), file)
