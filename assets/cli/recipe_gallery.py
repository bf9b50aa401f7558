"""The page of ``factory recipes --page``: all recipes with claims, results, needs and costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from upath import UPath

from assets.cli.recipe_list import KINDS
from assets.project.project import Project
from assets.project.recipe import RecipeSpec
from assets.provenance.costs import RunCost, newest_costs
from assets.report.claim import Finding, documented, findings
from assets.report.report_data import ReportData
from assets.report.template import rendered
from assets.storage.tables import write_whole


@dataclass(frozen=True)
class Entry:
    """A recipe on the page.

    Attributes:
        about: What ``factory recipes --json`` prints of it.
        control: The recipe that its claim is compared with; None if it is in the recipe.
        without: The parameters with which it runs on prompts without a check or references.
        findings: The results of its claim.
        cost: What its newest run asked of models; None if it has not run.
    """

    about: Mapping[str, Any]
    control: str | None
    without: Sequence[str]
    findings: Sequence[Finding]
    cost: RunCost | None


def write_gallery_page(out: Path, project: Project, listed: Sequence[Mapping[str, Any]]) -> None:
    """Write a page of the recipes into the file ``out``. It calls no model.

    Args:
        out: The file.
        project: The project.
        listed: The recipes, as `assets.cli.recipe_list.listed_recipes` gives them.
    """
    usable = [each["id"] for each in listed if each["id"] in project.recipes]
    planned = {name: project.recipes[name].planned(project.settings) for name in usable}
    costs = newest_costs(planned)
    entries = [_entry(project, each, costs.get(each["id"])) for each in listed]
    families = groupby(
        sorted(entries, key=lambda entry: entry.about["family"]),
        key=lambda entry: entry.about["family"],
    )
    html = rendered(
        "gallery.html.jinja",
        styles=["gallery.css"],
        scripts=["browser/gallery.js"],
        family="recipes",
        name="",
        families=[(family, list(members)) for family, members in families],
        count=len(entries),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(UPath(out), html.encode())


def _entry(project: Project, about: Mapping[str, Any], cost: RunCost | None) -> Entry:
    recipe = project.recipes.get(about["id"])
    if recipe is None:
        return Entry(about, None, [], [], None)
    results = (
        findings(ReportData.of_refresh(project, recipe.name, about["refreshed"]))
        if about["refreshed"]
        else documented(recipe)
    )
    return Entry(about, recipe.control, _without(project, recipe), results, cost)


def _without(project: Project, recipe: RecipeSpec) -> list[str]:
    """How it runs on prompts without what it needs, a line for each need."""
    lacking = recipe.on_bare_prompts(project.settings).lacking
    return [
        f"without {KINDS[need.truth]}: {name}: {need.instead}"
        for name, need in lacking.items()
        if need.instead
    ]
