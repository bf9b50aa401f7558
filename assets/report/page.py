"""The report of a dataset as one HTML page.

The page loads nothing: its Content-Security-Policy allows only its own style and script, by their
digests. Text from models and datasets is escaped by Jinja, or put into the page by the script as
text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from upath import UPath

from assets.charts.histogram import HEIGHT, WIDTH
from assets.project.label_origin import label_origin
from assets.project.project import Project
from assets.report.agreement import agreements, checked_stages, truth
from assets.report.claim import findings
from assets.report.criteria import by_people, criteria_figures
from assets.report.curated import curated_report
from assets.report.encoding import packed
from assets.report.funnel import drops, funnel
from assets.report.listed import ROWS, listed
from assets.report.model import model_report
from assets.report.plots import plots
from assets.report.provenance import provenance
from assets.report.report_data import load_report_data
from assets.report.rows import browsed
from assets.report.template import environment, joined, policy
from assets.report.traces import add_traces
from assets.report.trees import trees
from assets.review.agreement import with_people
from assets.storage.tables import write_whole

TEMPLATE = "report.html.jinja"
STYLE = ("report.css",)
SCRIPT = ("browser/data.js", "browser/find.js", "browser/show.js", "browser/page.js")


@dataclass(frozen=True)
class Report:
    """A page about ``rows`` rows of ``stage`` at ``refreshes``, of which it lists ``listed``.
    ``what`` names the rows, for example "pairs"."""

    html: str
    stage: str
    rows: int
    listed: int
    what: str
    refreshes: Sequence[str]


def dataset_report(
    project: Project,
    recipe: str,
    stage: str | None = None,
    *,
    refresh: str | None = None,
    most: int = ROWS,
) -> Report:
    """Make the report of a stage. It calls no model.

    Args:
        stage: By default the stage that gives the recipe's data.
        refresh: One refresh; by default all.
        most: The most rows to list; of more, a sample (`assets.report.listed`).

    Raises:
        FactoryError: There is nothing to report.
    """
    data = load_report_data(project, recipe, stage, refresh=refresh)
    sample = listed(data, most=most)
    rows_shown = browsed(data, sample.rows)
    add_traces(rows_shown, sample.rows, data)
    truths = truth(data)
    names, agreement = agreements(data, truths)
    people, criteria = with_people(project, recipe), criteria_figures(data)
    style = joined(STYLE)
    script = f"(() => {{\n{joined(SCRIPT)}\n}})();"
    html = (
        environment()
        .get_template(TEMPLATE)
        .render(
            recipe=data.recipe,
            stage=data.stage.name,
            refreshes=data.refreshes,
            rows=rows_shown,
            sample=sample,
            origin=label_origin(
                data.stage, data.stages, data.rows(data.stage.name, "ends"), data.checks
            ),
            funnel=funnel(data),
            plots=plots(data, truths),
            width=WIDTH,
            height=HEIGHT,
            annotators=names,
            checked=checked_stages(data),
            agreement={(one.first, one.second): one for row in agreement for one in row},
            people=people,
            criteria=criteria,
            by_people=by_people(criteria.scores, people),
            drops=drops(data),
            findings=findings(data),
            trees=trees(data),
            made_by=provenance(data),
            policy=policy(style, script),
            # The package's own files: they contain no data.
            style=Markup(style),
            script=Markup(script),
            data=packed(rows_shown.columns(), rows_shown.texts),
        )
    )
    rows = sample.rows.height
    return Report(html, data.stage.name, sample.of, rows, rows_shown.kind, data.refreshes)


def write_report(
    project: Project,
    recipe: str,
    stage: str | None = None,
    *,
    refresh: str | None = None,
    most: int = ROWS,
    out: Path | None = None,
) -> tuple[Report, UPath]:
    """Write the page of `dataset_report` to ``out``, by default into ``reports/`` of the root.

    Returns:
        The report, and the place of the file.
    """
    report = dataset_report(project, recipe, stage, refresh=refresh, most=most)
    return report, _write(project, report.html, f"{recipe}-{report.stage}", out)


def write_curated_report(project: Project, name: str, *, out: Path | None = None) -> UPath:
    """Write the page of `assets.report.curated.curated_report`, by default into ``reports/`` of the
    root.

    Returns:
        The place of the file.
    """
    return _write(project, curated_report(project, name), f"datasets-{name}", out)


def write_model_report(
    project: Project, name: str, *, version: int | None = None, out: Path | None = None
) -> UPath:
    """Write the page of `assets.report.model.model_report`, by default into ``reports/`` of the
    root.

    Returns:
        The place of the file.
    """
    return _write(project, model_report(project, name, number=version), f"models-{name}", out)


def _write(project: Project, html: str, name: str, out: Path | None) -> UPath:
    place = project.settings.root_path / "reports" / f"{name}.html" if out is None else UPath(out)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_whole(place, html.encode())
    return place
