"""What annotators share that know right answers from wrong ones: the check of a prompt's source."""

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


class CheckedAnnotator(Annotator):
    """Each prompt is checked by the check of its source, as ``factory.yaml`` names it (by default
    `engines.checks.math`), or all by ``check``, the import path of a `schemas.Check`."""

    check: CheckPath | None = None

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        """Raises `EngineError` if a source's check is unknown."""
        require_checks(context, tables[self.prompts], path=self.check)
        return super().prepared(tables, context)

    def check_of(self, context: Context, source: str) -> BoundedCheck:
        """The check of the prompts of ``source``."""
        return check_for(context, source, path=self.check)
