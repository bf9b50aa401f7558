"""What a stage may use beyond its rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from upath import UPath

from engines.bindings import Binding, open_engine
from engines.protocol import Engine
from schemas import Table


@dataclass(frozen=True)
class Context:
    """Where and for whom a stage runs: its inputs beyond its rows. What comes out is in its
    `schemas.Split`.

    Attributes:
        recipe: the recipe's name.
        stage: the stage's name.
        refresh: a date, as 2026-01-31.
        roles: what each role is bound to at this refresh: ``policy`` is the policy that the refresh
            starts from, ``policy@initial`` the configured one, ``policy@previous`` the one before
            ``policy``.
        journal: the file in which answers of models are kept.
        models: the folder of the recipe's checkpoints, one sub-folder a refresh.
        checks: the import path of each source's `schemas.Check`, by the source's name.
        seed: the recipe's seed.
        window: rows in flight at once, at most.
        failure_limit: the share in [0, 1] of rows that may fail.
        progress: whether progress is shown on standard error.
        imports: the folder of imported datasets (`engines.operators.imported_tables`).
        reviews: the folder of people's decisions about the recipe's pairs
            (`engines.operators.reviews`).
        folder: the recipe's own, where its templates are; None where there is none.
        gives: the table that the stage gives, where its operator alone does not say, as a filter of
            several tables.
        open_engine: loads what a role is bound to; a test or a benchmark has its own.
    """

    recipe: str
    stage: str
    refresh: str
    roles: Mapping[str, Binding]
    journal: Path
    models: Path
    checks: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    window: int = 2048
    failure_limit: float = 0.5
    progress: bool = True
    imports: UPath | None = None
    reviews: UPath | None = None
    folder: Path | None = None
    gives: type[Table] | None = None
    open_engine: Callable[[Binding], Engine] = open_engine
