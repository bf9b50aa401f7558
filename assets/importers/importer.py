"""Makes tables of a dataset that somebody has published, so that recipes can read it.

They lie in ``<root>/imported/<name>/``: ``prompts``, ``responses``, ``scores``, ``pairs``,
``step_labels`` and ``demonstrations``, each a Parquet file with what was refused beside it. A
recipe draws the prompts from a source, whose ``defs.yaml`` the command prints, and names the
dataset in its stages:

    responses: {use: generators.ImportedResponses, dataset: ultrafeedback}
    scores: {use: annotators.ImportedScores, of: responses, dataset: ultrafeedback}

(`generators.ImportedPairs`, `generators.ImportedSteps` and `generators.ImportedDemonstrations` for
what comes with labels.) The same rows get the same ids however often they are imported.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
from upath import UPath

from assets.config.errors import NAME_RULE, FactoryError, is_name, near
from assets.config.settings import Settings
from assets.importers.joining import BESIDE, Joined, joined_rows
from assets.importers.published_files import found_rows
from assets.importers.sample_rows import Origin, sample_rows
from assets.importers.shapes import Shape, shape_of
from assets.importers.shapes.reading import words
from assets.storage.tables import write_split
from engines.operators.imported_tables import TABLES
from generators import SourceError
from generators.sources.file_rows import Rows
from schemas import Prompts, Scores, Split, Table, columns, dropped

CHUNK = 2000


@dataclass(frozen=True)
class ImportCounts:
    """What became of the rows that were made of a table: ``made`` = kept + joined + refused."""

    made: int
    kept: int
    joined: int
    refused: int


@dataclass(frozen=True)
class Imported:
    """What was imported. ``rows`` are those of the file; each makes one of the prompts or is
    refused among them. ``refused`` has the places by table and reason, ``unread`` the scores that
    have no value by the reason."""

    rows: int
    accounts: Mapping[str, ImportCounts]
    refused: Mapping[tuple[str, str], list[str]]
    unread: Mapping[str, int]
    prompts: UPath
    licence: str

    @property
    def kept(self) -> Mapping[str, int]:
        """The rows of each table."""
        return {name: account.kept for name, account in self.accounts.items()}


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
    columns: Mapping[str, str] | None = None,
) -> Imported:
    """Read the dataset at ``place`` (a file, a folder laid out like a dataset, or a Hub id), which
    is of ``shape`` (a shipped one's name, or the import path of a `assets.importers.shapes.Shape`),
    whose fields are in the ``columns`` named.

    ``licence`` is the data's; by default what the card of a dataset says, else ``unknown``. An
    earlier import of that ``name`` is replaced. Raises `FactoryError` if it cannot be read or none
    of its rows has the shape; nothing is written then.
    """
    shape, form = shape_of(shape)
    name = name or re.sub(r"\W+", "_", shape.rpartition(".")[2].lower())
    if not is_name(name):
        raise FactoryError(f"--name {name!r}: {NAME_RULE}")
    for each in columns or {}:
        if each not in form.fields:
            hint = near(each, form.fields)
            raise FactoryError(f"--column {each}=…: {shape} has no field {each!r}; {hint}")
    try:
        found = found_rows(place, config=config, split=split, revision=revision)
        stated = licence or found.licence or "unknown"
        origin = Origin(shape, name, found.revision, stated)
        made = _table_rows(found.rows, form, columns or {}, origin)
    except (SourceError, OSError) as error:
        raise FactoryError(f"{place} cannot be read: {error}") from error
    joined = made.joined(f"import {name}")
    if (misfit := _misfit(joined)) is not None:
        raise FactoryError(f"{place} does not look like {shape}: {misfit}")
    folder = settings.imports_path / name
    # The prompts come last: they are what makes the dataset exist.
    for table in reversed(list(TABLES)):
        about = {"shape": shape, "place": place, "revision": found.revision}
        write_split(folder / f"{TABLES[table]}.parquet", joined[table].split, about=about)
    return Imported(
        made.read,
        {TABLES[table]: _account(each) for table, each in joined.items()},
        _refused(joined),
        dict(joined[Scores].split.kept["error"].drop_nulls().value_counts(sort=True).iter_rows()),
        folder / "prompts.parquet",
        stated,
    )


@dataclass
class _TableRows:
    """The rows of all tables before they are joined, and what was refused of a table and where."""

    frames: dict[type[Table], list[pl.DataFrame]]
    refused: dict[type[Table], list[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    read: int = 0

    def joined(self, stage: str) -> dict[type[Table], Joined]:
        """Each table's rows, those that say the same once."""
        found = {}
        for table, frames in self.frames.items():
            whole = joined_rows(table, pl.concat(frames), stage=stage)
            odd = [dropped(stage, reason, [where]) for where, reason in self.refused[table]]
            refused = pl.concat([*odd, whole.split.dropped])
            found[table] = Joined(Split(whole.split.kept, refused), whole.joined)
        return found


def _table_rows(found: Rows, shape: Shape, named: Mapping[str, str], origin: Origin) -> _TableRows:
    schemas = {table: pl.Schema({**columns(table), **BESIDE}) for table in TABLES}
    made = _TableRows({table: [pl.DataFrame(schema=schema)] for table, schema in schemas.items()})
    while chunk := list(itertools.islice(found, CHUNK)):
        records = defaultdict(list)
        for where, row in chunk:
            made.read += 1
            try:
                if isinstance(row, str):
                    raise ValueError(row)
                rows = list(sample_rows(shape.sample(row, named), origin, where))
            except ValueError as error:
                made.refused[Prompts].append((where, words(error)))
                continue
            except (AttributeError, LookupError, TypeError) as error:
                raise FactoryError(
                    f"{where}: the shape {origin.shape} fails on this row "
                    f"({type(error).__name__}: {error})"
                ) from error
            for table, record in rows:
                if isinstance(record, str):
                    made.refused[table].append((where, record))
                else:
                    records[table].append(record)
        for table, schema in schemas.items():
            made.frames[table].append(pl.DataFrame(records[table], schema=schema))
    return made


def _misfit(joined: Mapping[type[Table], Joined]) -> str | None:
    """Why nothing of the rows can be used, if nothing can: no prompt, or nothing that the rows say
    of theirs."""
    kept = {table for table, each in joined.items() if not each.split.kept.is_empty()}
    odd = {table: each.split.dropped for table, each in joined.items() if each.split.dropped.height}
    if Prompts in kept and (kept != {Prompts} or odd.keys() <= {Prompts}):
        return None
    if not odd:
        return "it holds no row"
    table = Prompts if Prompts not in kept else next(each for each in odd if each is not Prompts)
    place, _, reason, _ = odd[table].row(0)
    return f"{reason} ({place})"


def _account(joined: Joined) -> ImportCounts:
    kept, refused = joined.split.kept.height, joined.split.dropped.height
    return ImportCounts(kept + joined.joined + refused, kept, joined.joined, refused)


def _refused(joined: Mapping[type[Table], Joined]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for table, each in joined.items():
        for place, _, reason, _ in each.split.dropped.iter_rows():
            found.setdefault((TABLES[table], reason), []).append(place)
    return found
