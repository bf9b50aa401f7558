"""The inputs of a stage other than its rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from upath import UPath

from engines.bindings import Binding
from engines.journal.answer_store import AnswerStore
from engines.journal.store import Journal
from engines.ledger import Ledger
from engines.opening import open_engine
from engines.protocol import Engine
from engines.transcript import Transcript
from schemas import Table


@dataclass(frozen=True)
class Context:
    """The inputs of a stage other than its rows. Its results are in its `schemas.Split`.

    Attributes:
        recipe: the recipe's name.
        stage: the stage's name.
        refresh: a date, as 2026-01-31.
        roles: the binding of each role at this refresh. ``policy`` is the policy at the start of
            the refresh, ``policy@initial`` the configured one, ``policy@previous`` the one before
            ``policy``.
        journal: the file of models' answers.
        models: the folder of the recipe's checkpoints, one sub-folder a refresh.
        checks: the import path of each source's `schemas.Check`, by the source's name.
        seed: the recipe's seed.
        window: the most rows in flight at once.
        failure_limit: the share in [0, 1] of rows that may fail.
        progress: whether progress is shown on standard error.
        imports: the folder of imported datasets (`engines.operators.imported_tables`).
        reviews: the folder of people's decisions about the recipe's pairs
            (`engines.operators.reviews`).
        folder: the recipe's folder, with its templates; None if it has none.
        gives: the stage's output table, if its operator does not define it (a filter of several
            kinds of tables).
        ledger: takes the costs of the rows; None if it is no trial.
        transcript: takes the questions to models; None if nobody reads them.
        open_engine: opens the engine of a binding, by default replicas on this machine. Tests and
            benchmarks replace it.
        open_journal: opens the journal. A trace only reads it.
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
    ledger: Ledger | None = None
    transcript: Transcript | None = None
    open_engine: Callable[[Binding], Engine] = open_engine
    open_journal: Callable[[Path], AnswerStore] = Journal
