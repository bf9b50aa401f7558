"""Imports a published dataset into tables that recipes can read.

The tables are in ``<root>/imported/<name>/``: ``prompts``, ``responses``, ``scores``, ``pairs``,
``step_labels`` and ``demonstrations``. Each is a Parquet file, with a second file of its refused
rows. The command prints the ``defs.yaml`` of a source, from which recipes draw the prompts. A
recipe names the dataset in its stages:

    responses: {use: generators.ImportedResponses, dataset: ultrafeedback}
    scores: {use: annotators.ImportedScores, of: responses, dataset: ultrafeedback}

`generators.ImportedPairs`, `generators.ImportedSteps` and `generators.ImportedDemonstrations` read
the labelled tables. The same rows get the same ids in every import.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
from upath import UPath

from assets.config.errors import NAME_RULE, FactoryError, is_name
from assets.config.settings import Settings
from assets.importers.joining import EXTRA_COLUMNS, Joined, joined_rows
from assets.importers.published_files import published_rows
from assets.importers.sample_rows import Origin, sample_rows
from assets.importers.shapes import Shape, shape_of
from assets.importers.shapes.reading import one_line
from assets.storage.tables import write_split
from engines.operators.imported_tables import TABLES
from generators import SourceError
from generators.sources.file_rows import Rows
from schemas import Prompts, Scores, Split, Table, columns, dropped
from schemas.near import near

CHUNK = 2000
"""Rows that are read at once."""


@dataclass(frozen=True)
class ImportCounts:
    """Counts for one table: ``made`` = ``kept`` + ``joined`` + ``refused``."""

    made: int
    kept: int
    joined: int
    refused: int


@dataclass(frozen=True)
class Imported:
    """The result of an import.

    ``rows`` counts the rows of the file: each gives one prompt, or is refused as a prompt.
    ``accounts`` has the counts by table. ``refused`` has the places in the file by (table, reason).
    ``unread`` counts the scores without a value by reason.
    """

    rows: int
    accounts: Mapping[str, ImportCounts]
    refused: Mapping[tuple[str, str], list[str]]
    unread: Mapping[str, int]
    prompts: UPath
    licence: str

    @property
    def kept(self) -> Mapping[str, int]:
        """The number of kept rows by table."""
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
    """Import a published dataset. An earlier import of the same ``name`` is replaced.

    Args:
        shape: The name of a shipped shape, or the import path of an
            `assets.importers.shapes.Shape`.
        place: A file, a folder in the layout of a dataset, or an id on the Hub.
        name: The name for recipes; by default that of the shape.
        licence: The licence of the data; by default that of the dataset's card, or ``unknown``.
        columns: The column of each field that has another name than the shape expects.

    Raises:
        FactoryError: The dataset cannot be read, or no row has the shape. Nothing is written then.
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
        source = published_rows(place, config=config, split=split, revision=revision)
        licence = licence or source.licence or "unknown"
        origin = Origin(shape, name, source.revision, licence)
        made = _table_rows(source.rows, form, columns or {}, origin)
    except (SourceError, OSError) as error:
        raise FactoryError(f"{place} cannot be read: {error}") from error
    joined = made.joined(f"import {name}")
    if (misfit := _misfit(joined)) is not None:
        raise FactoryError(
            f"{place} does not look like {shape}: {misfit}. Choose another format "
            "(factory import --list), or name the columns (--column FIELD=COLUMN)"
        )
    folder = settings.imports_path / name
    # The prompts are written last: a dataset exists once it has prompts.
    for table in reversed(list(TABLES)):
        about = {"shape": shape, "place": place, "revision": source.revision}
        write_split(folder / f"{TABLES[table]}.parquet", joined[table].split, about=about)
    return Imported(
        made.read,
        {TABLES[table]: _counts(each) for table, each in joined.items()},
        _refused(joined),
        dict(joined[Scores].split.kept["error"].drop_nulls().value_counts(sort=True).iter_rows()),
        folder / "prompts.parquet",
        licence,
    )


@dataclass
class _TableRows:
    """The rows of all tables before joining, and the refused rows as (place, reason)."""

    frames: dict[type[Table], list[pl.DataFrame]]
    refused: dict[type[Table], list[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    read: int = 0

    def joined(self, stage: str) -> dict[type[Table], Joined]:
        """Each table's rows, with equal rows joined."""
        tables = {}
        for table, frames in self.frames.items():
            joined = joined_rows(table, pl.concat(frames), stage=stage)
            unread = [dropped(stage, reason, [where]) for where, reason in self.refused[table]]
            refused = pl.concat([*unread, joined.split.dropped])
            tables[table] = Joined(Split(joined.split.kept, refused), joined.joined)
        return tables


def _table_rows(
    source_rows: Rows, shape: Shape, named: Mapping[str, str], origin: Origin
) -> _TableRows:
    """The rows of all tables that ``source_rows`` give. ``named``: column by field."""
    schemas = {table: pl.Schema({**columns(table), **EXTRA_COLUMNS}) for table in TABLES}
    made = _TableRows({table: [pl.DataFrame(schema=schema)] for table, schema in schemas.items()})
    while chunk := list(itertools.islice(source_rows, CHUNK)):
        records = defaultdict(list)
        for where, row in chunk:
            made.read += 1
            try:
                if isinstance(row, str):
                    raise ValueError(row)
                rows = list(sample_rows(shape.sample(row, named), origin, where))
            except ValueError as error:
                made.refused[Prompts].append((where, one_line(error)))
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
    """Why no row can be used, or None. Either no prompt was kept, or prompts were kept but every
    row of the other tables was refused."""
    kept = {table for table, each in joined.items() if not each.split.kept.is_empty()}
    refused = {
        table: each.split.dropped for table, each in joined.items() if each.split.dropped.height
    }
    if Prompts in kept and (kept != {Prompts} or refused.keys() <= {Prompts}):
        return None
    if not refused:
        return "it has no rows"
    others = (each for each in refused if each is not Prompts)
    table = Prompts if Prompts not in kept else next(others)
    place, _, reason, _ = refused[table].row(0)
    return f"{reason} ({place})"


def _counts(joined: Joined) -> ImportCounts:
    kept, refused = joined.split.kept.height, joined.split.dropped.height
    return ImportCounts(kept + joined.joined + refused, kept, joined.joined, refused)


def _refused(joined: Mapping[type[Table], Joined]) -> dict[tuple[str, str], list[str]]:
    """The places of refused rows in the file, by (table, reason)."""
    refused: dict[tuple[str, str], list[str]] = {}
    for table, each in joined.items():
        for place, _, reason, _ in each.split.dropped.iter_rows():
            refused.setdefault((TABLES[table], reason), []).append(place)
    return refused
