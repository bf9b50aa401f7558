"""What a stage may use beyond its rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from upath import UPath

from engines.bindings import Binding, open_engine
from engines.protocol import Engine


@dataclass(frozen=True)
class Context:
    """Where and for whom a stage runs: inputs only. What comes out is in its `schemas.Split`.

    ``roles`` are resolved for this refresh: ``policy`` is the policy this refresh starts from,
    ``policy@initial`` the configured one, ``policy@previous`` the one before ``policy``.
    ``checks`` maps a source's name to the import path of its `schemas.Check`.
    ``models`` is the folder of this recipe's checkpoints, one sub-folder a refresh.
    ``imports`` is the folder of imported datasets (`engines.operators.imported_tables`).
    ``reviews`` is the folder of what people decided about this recipe's pairs
    (`engines.operators.reviews`). ``folder`` is the recipe's own, where its templates lie; None
    where there is none.
    ``open_engine`` loads what a role is bound to; a test or a benchmark brings its own.
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
    open_engine: Callable[[Binding], Engine] = open_engine
