"""The kept figures of models as judges: the cards of downstream models show them."""

import json
from collections.abc import Iterator, Mapping, Sequence
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
    pairs were read from probabilities. ``probes`` has what it passed of each probe, of all cases;
    None if it was not probed."""

    benchmark: str
    votes: int | None
    figures: GroupFigures
    probes: Mapping[str, Sequence[int]] | None = None


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
            "probes": role.probes,
        }
        name = content_id(role.model, measured.benchmark, votes, items)
        folder = root / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{name}.json"
        if role.probes is None and file.exists():
            # Measured again without probes, the earlier ones stay.
            record["probes"] = json.loads(file.read_bytes()).get("probes")
        write_whole(file, json.dumps(record, indent=2).encode())


def kept_figures(root: UPath, model: str) -> list[KeptFigures]:
    """The kept figures of the weights in the folder ``model``, by benchmark and size."""
    figures = (
        KeptFigures(each["benchmark"], each["votes"], _figures(each["figures"]), each.get("probes"))
        for each in _records(root / FOLDER)
        if each["model"] == model
    )
    return sorted(figures, key=lambda each: (each.benchmark, each.figures.items, each.votes or 0))


def _figures(record: Mapping[str, Any]) -> GroupFigures:
    people = record.get("people")
    return GroupFigures(**{**record, "people": None if people is None else Agreement(**people)})


def _records(folder: UPath) -> Iterator[dict[str, Any]]:
    for file in folder.glob("*.json") if folder.is_dir() else ():
        yield json.loads(file.read_bytes())
