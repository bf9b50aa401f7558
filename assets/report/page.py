"""The report of a dataset as one HTML page.

The page names no other file and no address that a browser would fetch, and its policy
(Content-Security-Policy) forbids it to: its one style and its one script are allowed by their
digests. Text that a model or a stranger wrote comes in through Jinja's escaping, or as data that
the script puts in as text.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from upath import UPath

from assets.charts.histogram import HEIGHT, WIDTH
from assets.project.project import Project
from assets.report.agreement import agreements, truth
from assets.report.claim import findings
from assets.report.encoding import packed
from assets.report.funnel import drops, funnel
from assets.report.plots import plots
from assets.report.provenance import provenance
from assets.report.report_data import load_report_data
from assets.report.rows import browsed
from assets.report.trees import trees
from assets.review.agreement import with_people
from assets.storage.tables import write_whole

FOLDER = Path(__file__).parent
TEMPLATE = "report.html.jinja"
STYLE = ("report.css",)
SCRIPT = ("browser/data.js", "browser/find.js", "browser/show.js", "browser/page.js")


@dataclass(frozen=True)
class Report:
    """A page, and how many ``rows`` (pairs, solutions, …: ``what``) of a stage, made at which
    refreshes, it shows."""

    html: str
    stage: str
    rows: int
    what: str
    refreshes: Sequence[str]


def dataset_report(
    project: Project, recipe: str, stage: str | None = None, *, refresh: str | None = None
) -> Report:
    """The report of ``recipe``'s ``stage`` (by default what the recipe is for) over all refreshes,
    or at one.

    Calls no model. Raises `FactoryError` where there is nothing to report.
    """
    found = load_report_data(project, recipe, stage, refresh=refresh)
    shown = browsed(found)
    known = truth(found)
    names, agreement = agreements(found, known)
    style = _joined(STYLE)
    script = f"(() => {{\n{_joined(SCRIPT)}\n}})();"
    html = (
        _environment()
        .get_template(TEMPLATE)
        .render(
            recipe=found.recipe,
            stage=found.stage.name,
            refreshes=found.refreshes,
            rows=shown,
            funnel=funnel(found),
            plots=plots(found, known),
            width=WIDTH,
            height=HEIGHT,
            annotators=names,
            agreement={(one.first, one.second): one for row in agreement for one in row},
            people=with_people(project, recipe),
            drops=drops(found),
            findings=findings(found),
            trees=trees(found),
            made_by=provenance(found),
            policy=_policy(style, script),
            # The project's own files, which hold nothing of the data.
            style=Markup(style),
            script=Markup(script),
            data=packed(shown.columns(), shown.texts),
        )
    )
    return Report(html, found.stage.name, len(shown.ids), shown.kind, found.refreshes)


def write_report(
    project: Project,
    recipe: str,
    stage: str | None = None,
    *,
    refresh: str | None = None,
    out: Path | None = None,
) -> tuple[Report, UPath]:
    """Write the page that `dataset_report` gives to ``out``, by default ``reports/`` of the root,
    and say where."""
    report = dataset_report(project, recipe, stage, refresh=refresh)
    name = f"{recipe}-{report.stage}.html"
    place = project.settings.root_path / "reports" / name if out is None else UPath(out)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_whole(place, report.html.encode())
    return report, place


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _joined(files: Sequence[str]) -> str:
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in files)


def _policy(style: str, script: str) -> str:
    """Nothing but this style and this script, and pictures that stand in the page itself."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
