"""Which models made a recipe's data: the roles they played, their revisions, their licences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assets.project.recipe_plan import Stage
from assets.storage.tables import Tables
from engines.bindings import Binding


@dataclass(frozen=True)
class UsedModel:
    """A model as it is bound to a role that ``stages`` call. ``name`` is a Hub id, a served model's
    name or a folder's; the path of a folder stays on its machine. ``licence`` is None where nobody
    stated it."""

    role: str
    name: str
    revision: str | None
    engine: str
    licence: str | None
    stages: tuple[str, ...]


@dataclass(frozen=True)
class Answered:
    """A model revision that answers of ``stage`` are from, with the refreshes it gave them at."""

    stage: str
    revision: str
    refreshes: tuple[str, ...]
    rows: int


def used_models(stages: Sequence[Stage], bindings: Mapping[str, Binding]) -> list[UsedModel]:
    """One entry a role, in the order in which stages call them. ``policy@previous`` is a role of
    its own: what it is bound to is where ``policy`` started from."""
    calling: dict[str, list[str]] = {}
    for stage in stages:
        for use in stage.operator.roles():
            callers = calling.setdefault(use.role, [])
            if stage.name not in callers:
                callers.append(stage.name)
    found = []
    for role, callers in calling.items():
        binding = bindings[role.partition("@")[0]]
        found.append(
            UsedModel(
                role,
                _name(binding),
                binding.revision,
                binding.engine,
                licence_of(binding),
                tuple(callers),
            )
        )
    return found


def answered(
    tables: Tables, recipe: str, stages: Sequence[Stage], refreshes: Sequence[str]
) -> list[Answered]:
    """Every model revision whose answers are in the tables of ``recipe``, by stage."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for stage in stages:
        for refresh in refreshes:
            for model, count in _models(tables.read((recipe, stage.name), refresh)):
                found.setdefault((stage.name, model), {})[refresh] = count
    return [
        Answered(stage, model, tuple(at), sum(at.values())) for (stage, model), at in found.items()
    ]


def licence_of(binding: Binding) -> str | None:
    """The licence of a bound model: as the binding states it, or as the model's own card does
    where its folder or the cache of the Hub's files has it."""
    if binding.licence is not None:
        return binding.licence
    card = _card(binding)
    if card is None:
        return None
    from huggingface_hub import ModelCard

    stated = ModelCard.load(card, ignore_metadata_errors=True).data.to_dict().get("license")
    return stated if isinstance(stated, str) else None


def _card(binding: Binding) -> Path | None:
    if binding.model is None:
        return None
    # Bindings make local paths absolute; a Hub id never is.
    folder = Path(binding.model)
    if folder.is_absolute():
        return folder / "README.md" if (folder / "README.md").is_file() else None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(binding.model, "README.md", revision=binding.revision)
    return Path(cached) if isinstance(cached, str) else None


def _name(binding: Binding) -> str:
    if binding.model is None:
        return str(binding.served_as)
    return Path(binding.model).name if Path(binding.model).is_absolute() else binding.model


def _models(table: pl.DataFrame) -> Iterator[tuple[str, int]]:
    if "origin" in table.columns:
        models = table["origin"].struct.field("model").drop_nulls()
        counts = models.value_counts(name="rows").sort(models.name)
        yield from counts.iter_rows()
