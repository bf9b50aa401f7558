"""The base class of annotators whose scores come from a model: they are probed before their labels
count."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import polars as pl
from pydantic import Field, field_validator

from annotators.annotator import Annotator
from annotators.probes.suite import failed, probed
from annotators.untrained import unscored
from engines.context import Context
from engines.model import Models
from engines.operators.scores import ScorerSession
from engines.protocol import UntrainedHeadError
from engines.rows import Prompt, Response
from schemas import ProbeReport, ProbeResult, Split, StageReport


class ProbedAnnotator(Annotator):
    """Base class: scores responses by a model, which may be fooled. After the responses have been
    scored, the same ``score`` is tested by the probes of `annotators.probes.suite`.

    If it `compares` responses, `keeps_order` is probed too.

    ``probes``: ``block`` stops the recipe after this stage if a probe fails (the scores are kept),
    ``warn`` only reports it, ``off`` runs no probes. A probe is passed if at least the share
    ``probe_threshold`` of its cases (at most ``probe_prompts``) is passed.
    """

    probes: Literal["block", "warn", "off"] = "block"
    probe_threshold: float = Field(default=0.8, ge=0, le=1)
    probe_prompts: int = Field(default=24, ge=1)

    @field_validator("probes", mode="before")
    @classmethod
    def _off(cls, probes: Any) -> Any:
        # YAML reads a bare off as false.
        return "off" if probes is False else probes

    @property
    def trained_by(self) -> str | None:
        """The stage of the recipe that trained the scoring model, if any."""
        return None

    async def keeps_order(
        self, prompt: Prompt, first: Response, second: Response, models: Models
    ) -> bool:
        """Whether the same one of two responses wins in both orders."""
        raise TypeError(f"{type(self).__name__} does not compare responses")

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: ScorerSession) -> Split:
        """Scores of ``tables[self.of]``.

        If ``trained_by`` had nothing to train on, as in a refresh without new prompts, all
        responses are dropped.
        """
        try:
            return super().rows_of(tables, session)
        except UntrainedHeadError:
            if (nothing := self._untrained(tables, session.context)) is None:
                raise
            return nothing

    def conclusions(
        self, tables: Mapping[str, pl.DataFrame], kept: pl.DataFrame, context: Context
    ) -> StageReport:
        """The results of the probes."""
        if self.probes == "off":
            return StageReport()
        if kept.is_empty() and self._untrained(tables, context) is not None:
            return StageReport(probes=self._probe_report([]))
        return self._probed(tables, kept, context)

    def _untrained(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split | None:
        """All responses dropped, if ``trained_by`` had nothing to train on; else None."""
        if self.trained_by is None:
            return None
        return unscored(tables[self.of], tables[self.trained_by], stage=context.stage)

    def _probed(
        self, tables: Mapping[str, pl.DataFrame], scores: pl.DataFrame, context: Context
    ) -> StageReport:
        # A separate session: its counts must not become findings about the stage's rows.
        with self.session(tables, context) as scorer:

            async def keeps_order(
                prompt: Prompt, first: Response, second: Response, models: Models
            ) -> bool:
                return await self.keeps_order(prompt, first, second, scorer.bind(models))

            results, usage = probed(
                scorer.score,
                keeps_order if self.compares else None,
                tables,
                scorer.context,
                of=self.of,
                prompts=self.prompts,
                scores=scores,
                most=self.probe_prompts,
            )
        return StageReport(usage, probes=self._probe_report(results))

    def _probe_report(self, results: Sequence[ProbeResult]) -> ProbeReport:
        return ProbeReport(
            self.probes == "block",
            tuple(results),
            failed(results, threshold=self.probe_threshold),
        )
