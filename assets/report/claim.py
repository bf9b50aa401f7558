"""What a recipe claims, and what came out: measured for the docs, and on the data reported here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assets.execution.claim_check import measured
from assets.project.measure import UnmeasurableError
from assets.project.resources import Resources
from assets.provenance.check_results import kept_claim
from assets.report.report_data import ReportData
from assets.storage.tables import MissingTableError


@dataclass(frozen=True)
class Finding:
    """What a claim came to, on what. ``low`` and ``high`` bound the difference that decides it;
    the three are None, and so is ``held``, where it could not be measured."""

    on: str
    says: str
    held: bool | None
    low: float | None
    high: float | None

    @property
    def reach(self) -> float:
        """How far from 0 a scale must go that shows the interval."""
        return max(abs(self.low or 0), abs(self.high or 0), 1e-9) * 1.15


def findings(data: ReportData) -> list[Finding]:
    """The docs' figure, if there is one; then that of the newest refresh whose tables (and the
    control's) can be compared, or why none can. No model is called, only tables are read."""
    found = []
    kept = kept_claim(data.recipe.name)
    if kept is not None:
        found.append(_kept(kept))
    measure = data.recipe.measured_by(data.project.settings)
    if measure is None:
        return found
    factory = Resources(settings=data.project.settings, tables=data.tables, checks=data.checks)
    reason = ""
    for refresh in reversed(data.refreshes):
        try:
            figures = measured(data.recipe, measure, factory, refresh=refresh)
        except (UnmeasurableError, MissingTableError) as error:
            reason = reason or str(error)
            continue
        on = f"this data, refresh {refresh}"
        return [*found, Finding(on, figures.says, figures.held, figures.low, figures.high)]
    return [*found, Finding("this data", reason, None, None, None)]


def _kept(kept: Mapping[str, Any]) -> Finding:
    on = f"the pocket world, {kept['rows']:,} prompts (docs/claims.md)"
    says = str(kept["says"]).removeprefix("held: ").removeprefix("did not hold: ")
    return Finding(on, says, kept["held"], kept["low"], kept["high"])
