"""What annotators share that know right answers from wrong ones: the check of a prompt's source."""

from collections.abc import Mapping

import polars as pl
from pydantic import field_validator

from annotators.annotator import Annotator
from engines.checks import BoundedCheck, UnknownCheckError, check_for, load_check
from engines.operators.context import Context
from engines.protocol import EngineError


class CheckedAnnotator(Annotator):
    """Each prompt is checked by the check of its source, as ``factory.yaml`` names it (by default
    `engines.checks.math`), or all by ``check``, the import path of a `schemas.Check`."""

    check: str | None = None

    @field_validator("check")
    @classmethod
    def _importable(cls, path: str | None) -> str | None:
        if path is not None:
            load_check(path)
        return path

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        """Raises `EngineError` if a source's check is unknown."""
        for source in tables[self.prompts]["source"].unique().sort():
            try:
                self.check_of(context, source)
            except UnknownCheckError as error:
                raise EngineError(
                    f"{context.recipe}/{context.stage}: source {source!r} has an {error}"
                ) from error
        return super().prepared(tables, context)

    def check_of(self, context: Context, source: str) -> BoundedCheck:
        """The check of the prompts of ``source``."""
        return check_for(context, source, path=self.check)
