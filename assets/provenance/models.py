"""The models that made a recipe's data: their roles, revisions and licences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assets.project.recipe_plan import Stage
from assets.storage.tables import Tables
from engines.bindings import Binding

NOT_BOUND = "not bound now"
"""The name of the model of a role that ``factory.yaml`` no longer binds."""


@dataclass(frozen=True)
class UsedModel:
    """A model that is bound to a role.

    Attributes:
        role: The role.
        name: A Hub id, the name of a served model, the name of a folder without its path, or
            `NOT_BOUND`.
        revision: The configured revision.
        engine: The name of the engine.
        licence: The licence; None if it is not stated.
        stages: The stages that call the role.
    """

    role: str
    name: str
    revision: str | None
    engine: str
    licence: str | None
    stages: tuple[str, ...]


@dataclass(frozen=True)
class Answered:
    """A model revision with answers in the table of a stage.

    Attributes:
        stage: The stage.
        revision: The model revision, as the rows name it.
        refreshes: The refreshes with its answers.
        rows: How many rows have its answers.
    """

    stage: str
    revision: str
    refreshes: tuple[str, ...]
    rows: int


def used_models(stages: Sequence[Stage], bindings: Mapping[str, Binding]) -> list[UsedModel]:
    """The models of the roles that stages call, in the order of the first call.

    ``policy@previous`` and ``policy@initial`` are separate roles, with the binding of ``policy``.
    """
    calling: dict[str, list[str]] = {}
    for stage in stages:
        for use in stage.operator.roles():
            callers = calling.setdefault(use.role, [])
            if stage.name not in callers:
                callers.append(stage.name)
    models = []
    for role, callers in calling.items():
        binding = bindings.get(role.partition("@")[0])
        if binding is None:
            models.append(UsedModel(role, NOT_BOUND, None, "", None, tuple(callers)))
            continue
        models.append(
            UsedModel(
                role,
                _name(binding),
                binding.revision,
                binding.engine,
                licence_of(binding),
                tuple(callers),
            )
        )
    return models


def answered(
    tables: Tables, recipe: str, stages: Sequence[Stage], refreshes: Sequence[str]
) -> list[Answered]:
    """The model revisions with answers in the tables of a recipe, for each stage."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for stage in stages:
        for refresh in refreshes:
            for model, count in _models(tables, (recipe, stage.name), refresh):
                counts.setdefault((stage.name, model), {})[refresh] = count
    return [
        Answered(stage, model, tuple(at), sum(at.values())) for (stage, model), at in counts.items()
    ]


def licence_of(binding: Binding) -> str | None:
    """The licence of a bound model; None if it is not stated.

    It is read from the binding, or else from the model card in the model's folder or in the local
    cache of the Hub.
    """
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
    # Local paths are absolute here, and a Hub id never is.
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


def _models(tables: Tables, key: tuple[str, str], refresh: str) -> Iterator[tuple[str, int]]:
    def models(rows: pl.LazyFrame) -> pl.LazyFrame:
        if "origin" not in rows.collect_schema():
            return rows.select().clear()
        model = pl.col("origin").struct.field("model").drop_nulls()
        return rows.select(model.alias("model")).group_by("model").len().sort("model")

    yield from tables.query(key, refresh, models).iter_rows()
