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

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
from upath import UPath

from assets.config.errors import FactoryError
from assets.config.hub_address import Kind
from assets.execution.row_counts import count_reasons
from assets.export.candidates import candidates
from assets.export.card import CardData, dataset_card, for_card
from assets.export.hub import Published, publish
from assets.export.messages import only_texts, plain
from assets.export.replace_folder import CARD, REPORT, check_replaceable, put, replacing
from assets.export.shards import write_batches, write_shards
from assets.project.export_format import recipe_format
from assets.project.given_prompts import given_prompts, given_tables
from assets.project.project import Project
from assets.project.recipe_plan import Stage
from assets.provenance.check_results import latest_checks
from assets.provenance.models import answered, used_models
from assets.provenance.writers import imported_writers
from assets.report.page import dataset_report
from assets.storage.tables import Tables
from schemas import Pairs, Responses, Scores

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
    with tempfile.TemporaryDirectory(prefix="factory-export-") as temporary:
        export = Path(temporary)
        exported = write(export, folder.name)
        put(export, folder)
        return exported


def on_hub(
    write: Writer, repo: str, *, public: bool, of: str, kind: Kind = "dataset"
) -> tuple[Exported, Published]:
    """Publish what ``write`` writes to the Hub's dataset or model ``repo``, in one commit."""
    with tempfile.TemporaryDirectory(prefix="factory-export-") as folder:
        exported = write(Path(folder), repo)
        message = f"{exported.rows:,} {exported.what} of {of}"
        return exported, publish(Path(folder), repo, public=public, message=message, kind=kind)


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
        for frame in (
            given_prompts(tables, recipe, given, refresh),
            tables.read((recipe, stage.name), refresh),
        )
    )
    rows, written = 0, 0
    shown: list[pl.DataFrame] = []
    prompts: list[pl.DataFrame] = []
    left_out: list[pl.DataFrame] = []
    for refresh in refreshes:
        asked = given_prompts(tables, recipe, given, refresh)
        made = _rows(tables, recipe, stage, stages, asked, refresh=refresh)
        if texts:
            asked, made = plain(asked), plain(made)
        part = shape.converters[stage.gives](made)
        write_shards(part.kept, folder / DATA, refresh=refresh)
        responses = candidates(tables, recipe, stages, asked, refresh=refresh)
        written += write_batches(responses, folder / CANDIDATES, refresh=refresh)[1]
        rows += part.kept.height
        shown += [] if shown or part.kept.is_empty() else [for_card(part.kept)]
        prompts.append(asked.select("source", "source_revision", "licence"))
        left_out.append(part.dropped)
    refused = pl.concat(left_out)
    if not rows:
        why = f"; {refused.height} rows do not fit the format {name}" if refused.height else ""
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
        left_out=count_reasons(refused),
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
    browsed = _scored(stage, stages) if stage.gives is Scores else stage.name
    page = dataset_report(project, recipe, browsed).html
    (folder / REPORT).write_text(page, encoding="utf-8")
    return Exported(rows, shape.what, written, refused.height)


def _rows(
    tables: Tables,
    recipe: str,
    stage: Stage,
    stages: list[Stage],
    prompts: pl.DataFrame,
    *,
    refresh: str,
) -> pl.DataFrame:
    """The rows of one refresh, with columns of their prompts and scores."""
    rows = tables.read((recipe, stage.name), refresh)
    columns = ["source", "licence"]
    if stage.gives is Scores:
        answers = tables.read((recipe, _scored(stage, stages)), refresh)
        rows = rows.join(
            answers.select("response_id", "prompt_id", "text", "finish"),
            on="response_id",
            how="left",
            maintain_order="left",
        )
        columns.append("prompt")
    described = prompts.rename({"messages": "prompt"}).select("prompt_id", *columns)
    rows = rows.join(described, on="prompt_id", how="left", maintain_order="left")
    if stage.gives is Pairs:
        rows = with_scores(tables, recipe, rows, stage, stages, refresh=refresh)
    return rows.with_columns(refresh=pl.lit(refresh))


def _scored(stage: Stage, stages: list[Stage]) -> str:
    """The stage of the responses that ``stage`` scores."""
    return next(
        each.name for each in stages if each.gives is Responses and each.name in stage.reads
    )


def scored_by(stage: Stage, stages: list[Stage]) -> str | None:
    """The stage of scores that the pairs of ``stage`` were chosen by; None if there is none."""
    scoring = [each.name for each in stages if each.gives is Scores and each.name in stage.reads]
    return scoring[0] if scoring else None


def with_scores(
    tables: Tables,
    recipe: str,
    pairs: pl.DataFrame,
    stage: Stage,
    stages: list[Stage],
    *,
    refresh: str,
) -> pl.DataFrame:
    """``pairs`` with the mean score of each side, from the stage that the pairs were chosen by.

    These are scores of whole answers. Sides that are steps after a shared prefix have none.
    """
    scoring = scored_by(stage, stages)
    if scoring is None:
        return pairs
    scores = tables.read((recipe, scoring), refresh).filter(pl.col("step").is_null())
    mean = scores.group_by("response_id").agg(pl.col("value").mean())
    for side in ("chosen", "rejected"):
        renamed = mean.rename({"response_id": f"{side}_id", "value": f"score_{side}"})
        pairs = pairs.join(
            renamed, on=f"{side}_id", how="left", maintain_order="left"
        ).with_columns(pl.when(pl.col("shared_prefix").is_null()).then(f"score_{side}"))
    return pairs
