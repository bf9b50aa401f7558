"""Makes tables of a published dataset, so that recipes can read it.

They lie in ``<root>/imported/<name>/``: ``prompts``, ``responses``, ``scores``, ``pairs`` and
``step_labels``, each a Parquet file with what was refused beside it. A recipe draws the prompts
from a source, whose ``defs.yaml`` the command prints, and names the dataset in its stages:

    responses: {use: generators.ImportedResponses, dataset: ultrafeedback}
    scores: {use: annotators.ImportedScores, of: responses, dataset: ultrafeedback}

(`generators.ImportedPairs` and `generators.ImportedSteps` for what comes with labels). The same
rows get the same ids however often they are imported.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from upath import UPath

from assets.errors import FactoryError, near
from assets.settings import Settings
from assets.shapes import SHAPES, Sample, ShapeError, Solution
from assets.tables import write_split
from engines.imported import TABLES
from generators import HubDataset, SourceError
from generators.file_rows import SUFFIXES, content_revision, file_rows
from schemas import (
    Message,
    Pairs,
    Prompts,
    Responses,
    Scores,
    Split,
    StepLabels,
    Table,
    accept,
    canonical,
    content_id,
    dropped,
    empty,
    prompt_id,
    rows,
)

CHUNK = 2000
UNITS: Mapping[type[Table], tuple[str, ...]] = {
    Prompts: ("prompt_id",),
    Responses: ("response_id",),
    Scores: ("response_id", "step", "annotator"),
    Pairs: ("pair_id",),
    StepLabels: ("response_id",),
}
"""What tells the rows of a table apart. Of two that are one the first is kept."""


@dataclass(frozen=True)
class Origin:
    """Where rows come from: the shape, and what the prompts are told to be from."""

    shape: str
    name: str
    revision: str
    licence: str


@dataclass(frozen=True)
class Imported:
    """What was imported: rows kept by table, rows of the file that were refused by reason, and
    where the prompts lie."""

    kept: Mapping[str, int]
    refused: Mapping[str, int]
    prompts: UPath
    licence: str


def import_dataset(
    settings: Settings,
    shape: str,
    place: str,
    *,
    name: str | None = None,
    licence: str | None = None,
    split: str = "train",
    config: str | None = None,
    revision: str | None = None,
) -> Imported:
    """Read the dataset at ``place`` (a JSONL, JSON or Parquet file, a folder laid out like a
    dataset, or a Hub id), which is of ``shape`` (a name of `assets.shapes.SHAPES`).

    ``licence`` is the data's; by default what the card of a Hub dataset says, else ``unknown``.
    An earlier import of that ``name`` is replaced. Raises `FactoryError` if it cannot be read or
    none of its rows has the shape; nothing is written then.
    """
    if shape not in SHAPES:
        raise FactoryError(f"there is no format {shape!r}; {near(shape, SHAPES)}")
    name = name or re.sub(r"\W+", "_", shape)
    if not name.isidentifier() or not name.isascii():
        raise FactoryError(f"--name {name!r}: a name is letters, digits and _")
    try:
        read, found = _rows(place, config=config, split=split, revision=revision)
        stated = licence or _stated(place, read) or "unknown"
        splits = _tables(found, Origin(shape, name, read, stated))
    except (SourceError, OSError) as error:
        raise FactoryError(f"{place} cannot be read: {error}") from error
    refused = _refusals(splits[Prompts])
    if splits[Prompts].kept.is_empty():
        first = next(iter(refused), "it holds no row")
        raise FactoryError(f"{place} does not look like {shape}: {first}")
    folder = settings.imports_path / name
    # The prompts come last: they are what makes the dataset exist.
    for table in reversed(list(UNITS)):
        file = folder / f"{TABLES[table]}.parquet"
        write_split(file, splits[table], about={"shape": shape, "place": place, "revision": read})
    kept = {TABLES[table]: splits[table].kept.height for table in UNITS}
    return Imported(kept, refused, folder / "prompts.parquet", stated)


Found = Iterator[tuple[str, Mapping[str, Any] | str]]
"""Each row's place, and what it holds or (a text) why it cannot be read."""


def _rows(place: str, *, config: str | None, split: str, revision: str | None) -> tuple[str, Found]:
    """What is read (a hash of a file's content, or a commit), and its rows."""
    file = UPath(place)
    if file.is_file():
        kind = SUFFIXES.get(file.suffix.lower())
        if kind in ("jsonl", "parquet"):
            return content_revision([file]), file_rows(file, kind)
        if file.suffix.lower() == ".json":
            return content_revision([file]), _json(file)
        raise SourceError("say it as a file that ends in .jsonl, .json or .parquet")
    dataset = HubDataset(
        dataset=place, config=config, split=split, revision=revision, licence="unknown"
    )
    commit, rows = dataset.rows()
    return commit, ((f"row {number}", row) for number, row in enumerate(rows))


def _json(file: UPath) -> Found:
    try:
        whole = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        # Many that are called .json hold a row a line.
        yield from file_rows(file, "jsonl")
        return
    for number, row in enumerate(whole if isinstance(whole, list) else [whole]):
        yield f"{file.name}, row {number}", row if isinstance(row, dict) else "not a JSON object"


def _stated(place: str, revision: str) -> str | None:
    """The licence that the card of a Hub dataset states."""
    if UPath(place).exists():
        return None
    from huggingface_hub import HfApi

    card = HfApi().dataset_info(place, revision=revision).card_data
    stated = None if card is None else card.get("license")
    return ", ".join(stated) if isinstance(stated, list) else stated


def _tables(found: Found, origin: Origin) -> dict[type[Table], Split]:
    stage = f"import {origin.name}"
    parts: dict[type[Table], list[pl.DataFrame]] = {table: [empty(table)] for table in UNITS}
    refused: list[pl.DataFrame] = []
    while chunk := list(itertools.islice(found, CHUNK)):
        records: dict[type[Table], list[dict[str, Any]]] = {table: [] for table in UNITS}
        for where, row in chunk:
            try:
                if isinstance(row, str):
                    raise ShapeError(row)
                for sample in SHAPES[origin.shape](row):
                    for table, record in _records(sample, origin):
                        records[table].append(record)
            except ShapeError as error:
                refused.append(dropped(stage, str(error), [where]))
        for table, made in records.items():
            parts[table].append(rows(table, made))
    splits = {}
    for table, units in UNITS.items():
        whole = pl.concat(parts[table]).unique(units, keep="first", maintain_order=True)
        splits[table] = accept(table, whole, stage=stage, unit=units[0])
    prompts = splits[Prompts]
    splits[Prompts] = Split(prompts.kept, pl.concat([*refused, prompts.dropped]))
    return splits


def _records(sample: Sample, origin: Origin) -> Iterable[tuple[type[Table], dict[str, Any]]]:
    """The rows of all tables that ``sample`` makes. Raises `ShapeError` for half a character."""
    _check_whole([*(turn["content"] for turn in sample.prompt), sample.reference or ""])
    asked = prompt_id(sample.prompt)
    made: list[tuple[type[Table], dict[str, Any]]] = [
        (
            Prompts,
            {
                "prompt_id": asked,
                "messages": sample.prompt,
                "reference": sample.reference,
                "source": origin.name,
                "source_revision": origin.revision,
                "licence": origin.licence,
            },
        )
    ]
    ids = []
    for solution in sample.solutions:
        _check_whole(solution.steps)
        about = canonical(dict(solution.made))
        identity = content_id(asked, list(solution.steps), solution.model, about)
        ids.append(identity)
        made += _solution(solution, identity, asked, sample.prompt, origin, about)
    if sample.preferred is not None:
        sides = ids[sample.preferred], ids[1 - sample.preferred]
        chosen = sample.solutions[sample.preferred].text
        rejected = sample.solutions[1 - sample.preferred].text
        pair = {
            "pair_id": content_id(asked, *sides),
            "prompt_id": asked,
            "prompt": sample.prompt,
            "chosen": [{"role": "assistant", "content": chosen}],
            "rejected": [{"role": "assistant", "content": rejected}],
            "chosen_id": sides[0],
            "rejected_id": sides[1],
            "margin": sample.margin,
            "weight": 1.0,
        }
        made.append((Pairs, pair))
    return made


def _solution(
    solution: Solution,
    identity: str,
    asked: str,
    prompt: tuple[Message, ...],
    origin: Origin,
    about: str,
) -> Iterator[tuple[type[Table], dict[str, Any]]]:
    spans = _spans(solution.steps)
    labelled = solution.labels is not None
    told: dict[str, Any] = {
        "operator": f"import {origin.shape}",
        "model": solution.model,
        "parameters": about,
        "seed": None,
        "parents": [],
    }
    yield (
        Responses,
        {
            "response_id": identity,
            "prompt_id": asked,
            "text": solution.text,
            "steps": spans if labelled else None,
            "finish": "stop",
            "tokens": spans[-1]["token_end"],
            "origin": told,
        },
    )
    for score in solution.scores:
        said = {"step": score.step, "annotator": score.annotator, "value": score.value}
        said |= {"raw": score.raw, "error": score.error}
        yield Scores, {"response_id": identity, **said, "origin": told | {"model": None}}
    if solution.labels is not None:
        wrong = [step for step, label in enumerate(solution.labels) if label is False]
        yield (
            StepLabels,
            {
                "response_id": identity,
                "prompt_id": asked,
                "prompt": prompt,
                "completions": solution.steps,
                "spans": spans,
                "labels": solution.labels,
                "values": solution.values,
                "first_error": wrong[0] if wrong else None,
            },
        )


def _spans(steps: Iterable[str]) -> list[dict[str, int]]:
    """Where the steps lie. Tokens are counted in words, one at least: nobody's they are."""
    spans, start, token = [], 0, 0
    for step in steps:
        end, token_end = start + len(step), token + max(1, len(step.split()))
        spans.append({"start": start, "end": end, "token_start": token, "token_end": token_end})
        start, token = end, token_end
    return spans


def _check_whole(texts: Iterable[str]) -> None:
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ShapeError(f"a text holds half a character ({error.reason})") from None


def _refusals(split: Split) -> dict[str, int]:
    counts = split.dropped["reason"].value_counts(sort=True)
    return dict(counts.iter_rows())
