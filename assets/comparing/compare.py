"""Compares two refreshes, recipes, dataset versions or model versions."""

from assets.comparing.comparison import Comparison
from assets.comparing.datasets import compare_datasets
from assets.comparing.models import compare_models
from assets.comparing.refreshes import compare_refreshes
from assets.comparing.sides import KINDS, Side, find_side
from assets.config.errors import FactoryError
from assets.project.project import Project


def compare(project: Project, first: str, second: str) -> Comparison:
    """Put two things side by side, by their stored tables. It calls no model.

    Args:
        project: The project.
        first: A recipe, ``datasets/NAME`` or ``models/NAME``, with ``@`` and the day of a refresh
            or the number of a version; by default the newest.
        second: What it is compared with, of the same kind.

    Raises:
        FactoryError: There is no such thing, or the two cannot be compared.
    """
    one, other = (find_side(project, name) for name in (first, second))
    if one.kind != other.kind:
        raise FactoryError(
            f"{one.full} is {KINDS[one.kind]} and {other.full} is {KINDS[other.kind]}: only two of "
            "the same kind can be compared"
        )
    if one == other:
        raise FactoryError(f"both are {one.full}: {_name_another(one)}")
    if one.kind == "refreshes":
        return compare_refreshes(project, one, other)
    if one.kind == "datasets":
        return compare_datasets(project, one, other)
    return compare_models(project, one, other)


def _name_another(side: Side) -> str:
    example = "refresh, such as @2026-11-20" if side.kind == "refreshes" else "version, such as @1"
    return f"name another {example}"
