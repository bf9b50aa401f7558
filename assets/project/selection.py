"""Which declarations a command needs, so that it checks no others."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from assets.project.dataset import DATASETS, DatasetSpec
from assets.project.folders import Draft
from assets.project.model import MODELS
from assets.project.recipe import RecipeSpec


def needed(drafts: Iterable[Draft], names: Collection[str]) -> set[str] | None:
    """The names of the declarations that those of ``names`` need, with these.

    A recipe needs its control, a dataset its recipes, and a model its datasets. The datasets that a
    recipe of ``names`` adds rows to are needed too.

    Args:
        drafts: All declarations.
        names: Names, or parts of a path such as ``online_dpo/pairs``. Others are passed over.

    Returns:
        The names; None if nothing is declared under one of ``names``.
    """
    by_name: dict[str, list[Draft]] = {}
    for draft in drafts:
        by_name.setdefault(draft.name, []).append(draft)
    declared = [name for name in names if name in by_name]
    if not declared:
        return None
    grown = [
        draft.name
        for draft in drafts
        if draft.type is DatasetSpec and not set(declared).isdisjoint(_references(draft))
    ]
    waiting, names_needed = [*declared, *grown], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in names_needed:
            names_needed.add(name)
            waiting += [each for draft in by_name.get(name, []) for each in _references(draft)]
    return names_needed


def _references(draft: Draft) -> Iterator[str]:
    """The names of declarations that a declaration refers to. Some may be no such names."""
    attributes = draft.attributes
    if draft.type is RecipeSpec:
        yield str(attributes.get("control"))
    elif draft.type is DatasetSpec:
        yield from (text.partition("/")[0] for text in _texts(attributes.get("of")))
    else:
        for text in _texts([attributes.get(field) for field in ("start", "train", "validate")]):
            group, _, name = text.partition("/")
            if group in (DATASETS, MODELS):
                yield name.partition("@")[0]


def _texts(value: Any) -> Iterator[str]:
    """All keys and texts in a value of a declaration."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
