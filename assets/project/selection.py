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
    named: dict[str, list[Draft]] = {}
    for draft in drafts:
        named.setdefault(draft.name, []).append(draft)
    wanted = [name for name in names if name in named]
    if not wanted:
        return None
    grown = [
        draft.name
        for draft in drafts
        if draft.type is DatasetSpec and not set(wanted).isdisjoint(_references(draft))
    ]
    waiting, found = [*wanted, *grown], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [each for draft in named.get(name, []) for each in _references(draft)]
    return found


def _references(draft: Draft) -> Iterator[str]:
    """The names of declarations that a declaration refers to. Some may be no such names."""
    given = draft.attributes
    if draft.type is RecipeSpec:
        yield str(given.get("control"))
    elif draft.type is DatasetSpec:
        yield from (text.partition("/")[0] for text in _texts(given.get("of")))
    else:
        for text in _texts([given.get(field) for field in ("start", "train", "validate")]):
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
