"""Exports a recipe's data as a dataset that `datasets` opens and TRL trains on.

The export is written into a folder or to the Hub:

    README.md        the card (`assets.export.card`)
    report.html      the page of `factory report` about the same rows
    data/train-2026-11-21-00000-of-00001.parquet         configuration "default": the rows, in one
                                                         of `assets.formats`
    candidates/train-2026-11-21-00000-of-00001.parquet   configuration "candidates"

Each refresh has its own files, so a later export does not change earlier files. A folder or commit
is written completely or not at all.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
from upath import UPath

from assets.config.errors import FactoryError
from assets.config.hub_address import Kind
from assets.execution.row_counts import count_reasons, most_first
from assets.export.candidates import candidates
from assets.export.card import CardData, dataset_card, for_card
from assets.export.hub import Published, publish
from assets.export.messages import only_texts, plain
from assets.export.replace_folder import CARD, REPORT, check_replaceable, put, replacing
from assets.export.rows import rows_of_refresh, scored_stage
from assets.export.shards import write_batches
from assets.project.export_format import recipe_format
from assets.project.given_prompts import given_prompts, given_tables
from assets.project.project import Project
from assets.provenance.check_results import latest_checks
from assets.provenance.models import answered, used_models
from assets.provenance.writers import imported_writers
from assets.report.page import dataset_report
from assets.storage.tables import Tables
from schemas import Scores, Split
from schemas.atomic import temporary_folder

DATA, CANDIDATES = "data", "candidates"


@dataclass(frozen=True)
class Exported:
    """What an export wrote. ``what`` names the ``rows``, and ``left_out`` counts the rows that the
    format cannot hold; ``loaded_by`` is the function that loads it, and
    ``version`` the version of a dataset or a model."""

    rows: int
    what: str
    candidates: int
    left_out: int
    loaded_by: str = "datasets.load_dataset"
    version: int | None = None


Writer = Callable[[Path, str], Exported]
"""Writes an export into a folder. Its second argument is the name for `datasets.load_dataset`."""


def recipe_writer(project: Project, recipe: str, *, format: str | None = None) -> Writer:
    """A function that writes the data of every refresh of ``recipe``.

    The rows have the format's columns, the table's other columns, and ``refresh``, ``source`` and
    ``licence``. Pairs that a stage scored also have ``score_chosen`` and ``score_rejected``. The
    function raises `FactoryError` if there are no rows.

    Args:
        format: A name in `assets.formats.FORMATS` or an import path; by default the format
            of what the recipe makes.
    """
    return partial(_write, project, recipe, format=format)


def in_folder(write: Writer, folder: Path | UPath) -> Exported:
    """Replace ``folder`` with what ``write`` writes. If ``write`` raises, ``folder`` is unchanged.

    An object store cannot replace a folder in one operation. There the files are uploaded one by
    one, the card first, and old files are removed last. Export again after an interruption.

    Raises:
        FactoryError: ``folder`` holds a file that no export wrote.
    """
    if isinstance(folder, Path):
        with replacing(folder) as new:
            return write(new, folder.name)
    check_replaceable(folder)
    with temporary_folder("factory-export-") as export:
        exported = write(export, folder.name)
        put(export, folder)
        return exported


def on_hub(
    write: Writer, repo: str, *, public: bool, of: str, kind: Kind = "dataset"
) -> tuple[Exported, Published]:
    """Publish what ``write`` writes to the Hub's dataset or model ``repo``, in one commit."""
    with temporary_folder("factory-export-") as folder:
        exported = write(folder, repo)
        message = f"{exported.rows:,} {exported.what} of {of}"
        return exported, publish(folder, repo, public=public, message=message, kind=kind)


def _write(
    project: Project, recipe: str, folder: Path, place: str, *, format: str | None
) -> Exported:
    stages = project.recipes[recipe].planned(project.settings)
    name, shape, stage = recipe_format(recipe, stages, format)
    tables = Tables(project.settings.root_path)
    refreshes = tables.refreshes((recipe, stage.name))
    if not refreshes:
        raise FactoryError(
            f"{recipe} has not run yet; make its {stage.name} with: factory run {recipe} "
            f"(looked for in {tables.root})"
        )
    given = given_tables(stages)
    texts = all(
        only_texts(frame)
        for refresh in refreshes
        for each in (*given, stage.name)
        if refresh in tables.refreshes((recipe, each))
        for frame in tables.slices((recipe, each), refresh)
    )
    rows, written = 0, 0
    shown: list[pl.DataFrame] = []
    prompts: list[pl.DataFrame] = []
    left_out: Counter[str] = Counter()
    for refresh in refreshes:
        made = rows_of_refresh(tables, recipe, stage, stages, given, shape, refresh=refresh)
        shaped = (shape.converters[stage.gives](plain(frame) if texts else frame) for frame in made)
        kept = _kept(shaped, shown, left_out)
        rows += write_batches(kept, folder / DATA, refresh=refresh)[1]
        responses = candidates(tables, recipe, stages, refresh=refresh, texts=texts)
        written += write_batches(responses, folder / CANDIDATES, refresh=refresh)[1]
        prompts.append(given_prompts(tables, recipe, given, refresh, _origins))
    refused = left_out.total()
    if not rows:
        why = f"; {refused} rows do not fit the format {name}" if refused else ""
        raise FactoryError(
            f"{recipe} has no {stage.name} to export: none of its {len(refreshes)} refreshes kept "
            f"any{why} (factory show {recipe}/{stage.name} and the stage's dropped rows say why)"
        )
    facts = CardData(
        recipe=project.recipes[recipe],
        stages=stages,
        refreshes=refreshes,
        tables=tables,
        format_name=name,
        format=shape,
        rows=rows,
        shown=shown[0],
        candidates=written,
        left_out=most_first(left_out),
        prompts=pl.concat(prompts),
        models=[
            *used_models(stages, project.settings.bindings()),
            *imported_writers(tables, recipe, stages, refreshes, project.settings.imports_path),
        ],
        answers=answered(tables, recipe, stages, refreshes),
        checks=latest_checks(recipe, stages),
        place=place,
    )
    dataset_card(facts).save(folder / CARD)
    browsed = scored_stage(stage, stages) if stage.gives is Scores else stage.name
    page = dataset_report(project, recipe, browsed).html
    (folder / REPORT).write_text(page, encoding="utf-8")
    return Exported(rows, shape.what, written, refused)


def _kept(
    shaped: Iterable[Split], shown: list[pl.DataFrame], left_out: Counter[str]
) -> Iterator[pl.DataFrame]:
    """The rows that the format holds. Some of the first go to ``shown``; ``left_out`` counts the
    others."""
    for part in shaped:
        shown += [] if shown or part.kept.is_empty() else [for_card(part.kept)]
        left_out.update(count_reasons(part.dropped))
        yield part.kept


def _origins(prompts: pl.LazyFrame) -> pl.LazyFrame:
    return prompts.select("prompt_id", "source", "source_revision", "licence")
