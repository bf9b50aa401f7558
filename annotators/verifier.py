"""Right or wrong, as a checker of answers finds it."""

from collections.abc import Mapping, Sequence

import polars as pl
from pydantic import field_validator

from annotators.annotator import Annotator
from engines.checks import UnknownCheckError, check_for, load_check, marked
from engines.context import Context
from engines.model import Models
from engines.opinion import Opinion
from engines.protocol import EngineError
from engines.rows import Prompt, Response
from schemas import canonical


class Verifier(Annotator):
    """Scores a response 1 if the answer it gives is right, 0 if it is wrong. Calls no model.

    Each prompt is checked by the check of its source, as ``factory.yaml`` names it (by default
    `engines.checks.math`), or all by ``check``, the import path of a `schemas.Check`. Where there
    is no telling (the reference says nothing, or the check hangs or crashes) the score is an error
    with the reason: never a wrong answer.
    """

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
                check_for(context, source, path=self.check)
            except UnknownCheckError as error:
                raise EngineError(
                    f"{context.recipe}/{context.stage}: source {source!r} has an {error}"
                ) from error
        return super().prepared(tables, context)

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Opinion]:
        """One opinion a response; those that need a process are checked at the same time."""
        check = check_for(models.context, prompt.source, path=self.check)
        asked = [check.submit(prompt.messages, prompt.reference, one.text) for one in responses]
        parameters = canonical({"check": check.path})
        opinions = []
        for response, answer in zip(responses, asked, strict=True):
            right, error = await marked(answer)
            value = None if right is None else float(right)
            opinions.append(
                Opinion(response.response_id, "verifier", value, error=error, parameters=parameters)
            )
        return opinions
