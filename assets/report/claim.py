"""The results of a recipe's claim: as measured for the docs, and on the reported data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from markupsafe import Markup

from assets.charts.claim_plot import claim_picture
from assets.execution.claim_figures import measured
from assets.project.measure import Plot, UnmeasurableError, Verdict, without_verdict
from assets.project.recipe import RecipeSpec
from assets.project.resources import Resources
from assets.provenance.kept_claims import kept_claims
from assets.report.report_data import ReportData
from assets.storage.tables import MissingTableError

MEASURED = 100_000
"""The most prompts of a refresh whose tables are read as a whole for a report."""


@dataclass(frozen=True)
class Finding:
    """A result of a claim. ``on`` names the data; ``low`` and ``high`` bound the difference that
    decides. ``verdict``, ``low`` and ``high`` are None if the claim could not be measured.
    ``boundary``: what the difference has to be beyond. ``plot``: the curves behind it, if there are
    any."""

    on: str
    says: str
    verdict: Verdict | None
    low: float | None
    high: float | None
    boundary: float = 0.0
    plot: Plot | None = None

    @property
    def picture(self) -> Markup | None:
        """The picture of the curves, as a part of a page."""
        return None if self.plot is None else claim_picture(self.plot, self.on).inside()

    @classmethod
    def of_docs(cls, claim: Mapping[str, Any]) -> Self:
        """The result of an entry of ``docs/claims.json``."""
        on = f"the {claim['world']} world, {claim['rows']:,} prompts (docs/claims.md)"
        text, stored = str(claim["says"]), claim.get("plot")
        return cls(
            on,
            without_verdict(text) or text,
            claim["verdict"],
            claim["low"],
            claim["high"],
            claim.get("boundary", 0.0),
            None if stored is None else Plot.read(stored),
        )

    @property
    def reach(self) -> float:
        """How far from 0 the scale goes that shows the interval."""
        return max(abs(self.low or 0), abs(self.high or 0), abs(self.boundary), 1e-9) * 1.15


def findings(data: ReportData) -> list[Finding]:
    """The results in the docs, and a result on the reported data.

    The last is of the newest refresh that can be compared with the control, or says why none can.
    It is computed from tables; no model is called. A refresh of more than `MEASURED` prompts is not
    measured again: its run did so.
    """
    results = documented(data.recipe)
    measure = data.recipe.measured_by(data.project.settings)
    if measure is None:
        return results
    factory = Resources(settings=data.project.settings, tables=data.tables, checks=data.checks)
    reason = ""
    for refresh in reversed(data.refreshes):
        if data.tables.height((data.recipe.name, "prompts"), refresh) > MEASURED:
            reason = (
                reason or f"more than {MEASURED:,} prompts: see the check of the claim by its run"
            )
            continue
        try:
            figures = measured(data.recipe, measure, factory, refresh=refresh)
        except (UnmeasurableError, MissingTableError) as error:
            reason = reason or str(error).removeprefix("not measured: ")
            continue
        on = f"this data, refresh {refresh}"
        result = Finding(
            on,
            figures.says,
            figures.verdict,
            figures.low,
            figures.high,
            figures.boundary,
            figures.plot,
        )
        return [*results, result]
    return [*results, Finding("this data", reason, None, None, None)]


def documented(recipe: RecipeSpec) -> list[Finding]:
    """The results of a recipe's claim in the docs: one for each world that it was measured in."""
    return [Finding.of_docs(claim) for claim in kept_claims(recipe)]
