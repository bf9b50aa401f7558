"""The kept figures of models as judges: the cards of downstream models show them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from upath import UPath

from assets.judging.bench import Measured
from assets.judging.figures import GroupFigures
from assets.judging.people import Agreement
from assets.storage.tables import write_whole
from schemas import content_id

FOLDER = "judged"


@dataclass(frozen=True)
class KeptFigures:
    """The figures of a model on all items of a benchmark. ``votes`` is None if its verdicts on
    pairs were read from probabilities."""

    benchmark: str
    votes: int | None
    figures: GroupFigures


def keep_figures(root: UPath, measured: Measured, *, votes: int | None) -> None:
    """Keep the figures of each model. Those on the same items are replaced.

    Args:
        root: The root of the project.
        measured: The figures of all roles on a benchmark.
        votes: The number of written verdicts of each question, or None.
    """
    for role in measured.roles:
        items = sorted(measured.verdicts[role.role]["item_id"])
        record: dict[str, Any] = {
            "model": role.model,
            "benchmark": measured.benchmark,
            "votes": votes,
            "figures": role.as_json()["groups"][0],
        }
        name = content_id(role.model, measured.benchmark, votes, items)
        folder = root / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{name}.json", json.dumps(record, indent=2).encode())


def kept_figures(root: UPath, model: str) -> list[KeptFigures]:
    """The kept figures of the weights in the folder ``model``, by benchmark and size."""
    found = (
        KeptFigures(each["benchmark"], each["votes"], _figures(each["figures"]))
        for each in _records(root / FOLDER)
        if each["model"] == model
    )
    return sorted(found, key=lambda each: (each.benchmark, each.figures.items, each.votes or 0))


def _figures(record: Mapping[str, Any]) -> GroupFigures:
    people = record.get("people")
    return GroupFigures(**{**record, "people": None if people is None else Agreement(**people)})


def _records(folder: UPath) -> Iterator[dict[str, Any]]:
    for file in folder.glob("*.json") if folder.is_dir() else ():
        yield json.loads(file.read_bytes())
