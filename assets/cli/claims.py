"""Measures the claims of recipes, and writes the results as a table of the docs."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.config.causes import message
from assets.config.errors import FactoryError
from assets.config.settings import Settings
from assets.definitions import build_definitions
from assets.execution.instance import shown_instance

if TYPE_CHECKING:
    from assets.project.project import Project

log = logging.getLogger(__name__)

RESULTS, TABLE = "claims.json", "claims.md"


def measure_claims(
    settings: Settings, names: Sequence[str], *, rows: int | None, refresh: str
) -> list[dict[str, Any]]:
    """Measure the claim of each recipe in ``names``.

    A recipe and its control run the recipe's ``rounds`` refreshes, the last at ``refresh``. They
    run in the folder ``claims/<refresh>`` of the root, without earlier refreshes: both draw the
    same prompts and start from the same policy. They use the configured journal, so no answer is
    paid for twice.

    Returns:
        One result a recipe, as ``factory claims --json`` prints it.
    """
    from assets.project.project import Project

    root = settings.root_path / "claims" / refresh
    claim_settings = settings.model_copy(
        update={
            "root": str(root),
            "journal": str(settings.journal_path),
            "models": str(settings.models_path / "claims" / refresh),
            "imports": str(settings.imports_path),
        }
    )
    project = Project(claim_settings)
    run = {each for name in names for each in (name, project.recipes[name].control) if each}
    definitions = build_definitions(project, run - project.refused.keys())
    done: set[tuple[str, str]] = set()
    return [
        _measured(name, project, definitions, rows=rows, refresh=refresh, done=done)
        for name in names
    ]


def _measured(
    name: str,
    project: "Project",
    definitions: dg.Definitions,
    *,
    rows: int | None,
    refresh: str,
    done: set[tuple[str, str]],
) -> dict[str, Any]:
    from assets.refresh import run_refresh

    recipe = project.recipes[name]
    if recipe.measure is None:
        raise FactoryError(f"{recipe.file} has no 'measure', so its claim cannot be measured")
    last = date.fromisoformat(refresh)
    days = [(last - timedelta(days=back)).isoformat() for back in reversed(range(recipe.rounds))]
    wanted = recipe.rows if rows is None else rows
    evaluation = None
    claim: dict[str, Any] = {"id": name, "claim": recipe.claim, "rows": wanted}
    unmeasured: dict[str, Any] = dict.fromkeys(("measured", "control", "low", "high", "held"))
    try:
        for each in [recipe.control, name] if recipe.control else [name]:
            for day in days:
                # The recipe runs last and always again: its check reads the control's tables.
                if each == name or (each, day) not in done:
                    project.require(each)
                    outcome = run_refresh(
                        project, definitions, each, refresh=day, rows=wanted, shown=False
                    )
                    done.add((each, day))
                    evaluation = outcome.claim
    except Exception as error:
        known = message(error)
        if known is None:
            raise
        log.warning("%s: %s", name, known)
        return {**claim, **unmeasured, "says": known}
    if evaluation is None:
        return {**claim, **unmeasured, "says": str(recipe.fitted(project.settings).says)}
    with shown_instance() as instance:
        instance.report_runless_asset_event(evaluation)
    metadata = evaluation.metadata.get("figures")
    figures = metadata.value if isinstance(metadata, dg.JsonMetadataValue) else None
    if not isinstance(figures, dict):
        figures = unmeasured
    return {**claim, **figures, "says": evaluation.description}


def write_claims(folder: Path, claims: Iterable[Mapping[str, Any]], project: "Project") -> None:
    """Write ``claims`` into the table in ``folder``. Earlier results of other recipes stay."""
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / RESULTS
    kept = {one["id"]: one for one in json.loads(results.read_text())} if results.exists() else {}
    kept |= {claim["id"]: dict(claim) for claim in claims}
    known = [kept[name] for name in sorted(kept) if name in project.recipes]
    results.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n")
    lines = [
        "# What the recipes claim, and what came out",
        "",
        "Written by `factory claims --docs docs`, not by hand. Measured on the pocket world, where",
        "the truth of every label is known. The interval is of the difference that decides a claim",
        "(95 %, bootstrap over prompts). A claim that did not hold stays here as it is.",
        "",
        "| recipe | paper | claim | control | prompts | what came out | held |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for claim in known:
        recipe = project.recipes[claim["id"]]
        held = {True: "yes", False: "no", None: "not measured"}[claim["held"]]
        cells = (
            f"`{recipe.name}`",
            recipe.paper.title,
            claim["claim"],
            f"`{recipe.control}`" if recipe.control else "in the recipe",
            str(claim["rows"]),
            claim["says"],
            held,
        )
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    (folder / TABLE).write_text("\n".join(lines) + "\n")
