"""The promoted versions of downstream models (``assets.Model``), which roles may be bound to.

A role with ``model: models/<name>`` has the weights of the newest promoted version of that model,
or those of ``initial`` until one is promoted.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from assets.config.errors import FactoryError
from schemas.atomic import write_file

FILE = "promoted.json"


@dataclass(frozen=True)
class Promoted:
    """A promoted version of a model.

    Attributes:
        version: Its number.
        refresh: The newest refresh among its training rows, such as ``2026-01-31``.
        path: The folder of its weights.
    """

    version: int
    refresh: str
    path: str


def downstream_model(model: str | None) -> str | None:
    """The name of the downstream model that a binding's ``model`` names; None if it names none."""
    named = re.fullmatch(r"models/([A-Za-z_]\w*)", model or "")
    return named[1] if named else None


def read_promoted(models: Path, name: str) -> list[Promoted]:
    """The promoted versions of a model, oldest first.

    Args:
        models: The folder of trained checkpoints.
        name: The name of the model.

    Raises:
        FactoryError: The file is damaged.
    """
    path = models / name / FILE
    try:
        return [Promoted(**each) for each in json.loads(path.read_bytes())]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise FactoryError(
            f"{path} is damaged ({error}): restore a backup, or remove it; the next factory train "
            f"{name} writes it again"
        ) from error


def write_promoted(models: Path, name: str, promoted: Sequence[Promoted]) -> None:
    """Store the promoted versions of a model, oldest first."""
    content = json.dumps([asdict(each) for each in promoted], indent=1)
    (models / name).mkdir(parents=True, exist_ok=True)
    write_file(models / name / FILE, content.encode())
