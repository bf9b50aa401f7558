"""The base class of annotators that check answers: they use the check of a prompt's source."""

from collections.abc import Mapping

import polars as pl

from annotators.annotator import Annotator
from engines.checks import (
    BoundedCheck,
    CheckPath,
    check_for,
    require_checks,
)
from engines.context import Context
from schemas import Truth


class CheckedAnnotator(Annotator):
    """Base class: each prompt is checked by the check of its source, as ``factory.yaml`` sets it
    (default `engines.checks.math`). ``check``, the import path of a `schemas.Check`, replaces it
    for all."""

    check: CheckPath | None = None

    def needs_truth(self) -> Truth | None:
        return "check"

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        """The context unchanged.

        Raises:
            EngineError: the check of a source is unknown.
        """
        require_checks(context, tables[self.prompts], path=self.check)
        return super().prepared(tables, context)

    def check_of(self, context: Context, source: str) -> BoundedCheck:
        """The check of the prompts of ``source``."""
        return check_for(context, source, path=self.check)
