"""The tables: one dataframely schema per table.

Tables are long: a second judge adds rows, never columns. The rules are checked on the output of
each stage (`schemas.accept`). A row that breaks a rule goes to `Dropped`, with the rule's name as
the reason.
"""

from schemas.tables.demonstrations import Demonstrations
from schemas.tables.measured import (
    Checkpoints,
    Evaluations,
    PairEvaluations,
    RewardEvaluations,
    StepEvaluations,
    TaskEvaluations,
)
from schemas.tables.opinions import Criteria, Scores, TokenScores
from schemas.tables.preferences import Pairs, Rankings, StepLabels
from schemas.tables.table import Dropped, Table
from schemas.tables.texts import Nodes, Prompts, Responses

EVALUATIONS: tuple[type[Table], ...] = (
    Evaluations,
    PairEvaluations,
    RewardEvaluations,
    StepEvaluations,
    TaskEvaluations,
)
"""The tables of stages that measure a policy."""

__all__ = [
    "EVALUATIONS",
    "Checkpoints",
    "Criteria",
    "Demonstrations",
    "Dropped",
    "Evaluations",
    "Nodes",
    "PairEvaluations",
    "Pairs",
    "Prompts",
    "Rankings",
    "Responses",
    "RewardEvaluations",
    "Scores",
    "StepEvaluations",
    "StepLabels",
    "Table",
    "TaskEvaluations",
    "TokenScores",
    "id_column",
]


def id_column(table: type[Table]) -> str:
    """The id column of ``table``. For scores, the scored response."""
    return "response_id" if table is Scores else table.primary_key()[0]
