"""Writes what a recipe has made as a dataset that `datasets` opens and TRL trains on as it is: into
a folder or onto the Hub.

    README.md                                    the card (`assets.export.card`)
    report.html                                  the page of `factory report` about the same rows
    data/train-2026-11-21-00000-of-00001.parquet     configuration default: one of
    `assets.export.formats` candidates/train-2026-11-21-00000-of-00001.parquet   configuration
    candidates

A refresh has files of its own, so that a later export changes none of those that were there. A
folder appears whole or not at all, and so does a commit.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
from upath import UPath

from assets.config.errors import FactoryError
from assets.execution.row_counts import count_reasons
from assets.export.candidates import candidates
from assets.export.card import CardData, dataset_card
from assets.export.formats import Format, fitting, format_of
from assets.export.hub import FOLDERS, Published, publish
from assets.export.replace_folder import CARD, REPORT, check_replaceable, put, replacing
from assets.export.shards import write_shards
from assets.project.project import Project
from assets.project.recipe_plan import Stage, exported_stage
from assets.provenance.check_results import latest_checks
from assets.provenance.models import answered, used_models
from assets.report import dataset_report
from assets.storage.tables import Tables
from schemas import Pairs, Responses, Scores, Split

DATA, CANDIDATES = FOLDERS


@dataclass(frozen=True)
class Exported:
    """What was written: how many rows, what they are, how many candidates beside them, and how
    many rows the format had no place for."""

    rows: int
    what: str
    candidates: int
    left_out: int


Writer = Callable[[Path, str], Exported]
"""Writes an export into a folder, which `datasets.load_dataset` will know by a name."""


def recipe_writer(project: Project, recipe: str, *, format: str | None = None) -> Writer:
    """Writes the data of every refresh of ``recipe`` in ``format`` (a name of
    `assets.export.formats.FORMATS`; by default that of what the recipe makes).

    Beside the format's columns: those of the table, ``score_chosen`` and ``score_rejected`` where a
    stage scored the pairs, and ``refresh``, ``source`` and ``licence`` of each row. It raises
    `FactoryError` if there is no row.
    """
    return partial(_write, project, recipe, format=format)


def in_folder(write: Writer, folder: Path | UPath) -> Exported:
    """Let ``write`` make what ``folder`` holds from then on; all of it or, if it raises, nothing.

    On an object store, where no folder can take another's place at once, files are put one by one,
    the card first, and what is no longer of the export is removed last: what was cut off is mended
    by the same again. Raises `FactoryError` where ``folder`` holds anything that no export wrote.
    """
    if isinstance(folder, Path):
        with replacing(folder) as beside:
            return write(beside, folder.name)
    check_replaceable(folder)
    with tempfile.TemporaryDirectory(prefix="factory-export-") as beside_it:
        made = Path(beside_it)
        exported = write(made, folder.name)
        put(made, folder)
        return exported


def on_hub(write: Writer, repo: str, *, public: bool, of: str) -> tuple[Exported, Published]:
    """Let ``write`` make what the dataset ``repo`` of the Hub holds, in one commit or none."""
    with tempfile.TemporaryDirectory(prefix="factory-export-") as folder:
        exported = write(Path(folder), repo)
        message = f"{exported.rows:,} {exported.what} of {of}"
        return exported, publish(Path(folder), repo, public=public, message=message)


def _write(
    project: Project, recipe: str, folder: Path, place: str, *, format: str | None
) -> Exported:
    stages = project.recipes[recipe].planned(project.settings)
    name, shape, stage = _wanted(project, recipe, stages, format)
    tables = Tables(project.settings.root_path)
    refreshes = tables.refreshes((recipe, stage.name))
    if not refreshes:
        raise FactoryError(
            f"{recipe} has not run yet; make its {stage.name} with: factory run {recipe} "
            f"(looked for in {tables.root})"
        )
    shaped: list[Split] = []
    prompts: list[pl.DataFrame] = []
    written = 0
    for refresh in refreshes:
        asked = tables.read((recipe, "prompts"), refresh)
        part = shape.converters[stage.gives](
            _rows(tables, recipe, stage, stages, asked, refresh=refresh)
        )
        write_shards(part.kept, folder / DATA, refresh=refresh)
        everything = candidates(tables, recipe, stages, asked, refresh=refresh)
        write_shards(everything, folder / CANDIDATES, refresh=refresh)
        written += everything.height
        shaped.append(part)
        prompts.append(asked)
    rows = pl.concat([part.kept for part in shaped])
    left_out = pl.concat([part.dropped for part in shaped])
    if rows.is_empty():
        why = f"; {left_out.height} have no place in {name}" if left_out.height else ""
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
        candidates=written,
        left_out=count_reasons(left_out),
        prompts=pl.concat(prompts),
        models=used_models(stages, project.settings.bindings()),
        answers=answered(tables, recipe, stages, refreshes),
        checks=latest_checks(recipe, stages),
        place=place,
    )
    dataset_card(facts).save(folder / CARD)
    browsed = _scored(stage, stages) if stage.gives is Scores else stage.name
    page = dataset_report(project, recipe, browsed).html
    (folder / REPORT).write_text(page, encoding="utf-8")
    return Exported(rows.height, shape.what, written, left_out.height)


def _wanted(
    project: Project, recipe: str, stages: list[Stage], format: str | None
) -> tuple[str, Format, Stage]:
    """The format, its name, and the last stage of the table that it is made from. Raises
    `FactoryError`."""
    made = {stage.gives: stage for stage in stages}
    data = exported_stage(stages)
    name, shape = format_of([data.gives] if data else list(made), format)
    stage = next((made[table] for table in shape.converters if table in made), None)
    if stage is None:
        tables = " nor ".join(table.__name__ for table in shape.converters)
        raise FactoryError(
            f"{recipe} makes no {tables}, which {name} is made from; "
            f"formats that fit it: {', '.join(fitting(made)) or 'none'}"
        )
    return name, shape, stage


def _rows(
    tables: Tables,
    recipe: str,
    stage: Stage,
    stages: list[Stage],
    prompts: pl.DataFrame,
    *,
    refresh: str,
) -> pl.DataFrame:
    """One refresh's rows, with what is known of their prompts and scores."""
    rows = tables.read((recipe, stage.name), refresh)
    known = ["source", "licence"]
    if stage.gives is Scores:
        answers = tables.read((recipe, _scored(stage, stages)), refresh)
        rows = rows.join(
            answers.select("response_id", "prompt_id", "text"),
            on="response_id",
            how="left",
            maintain_order="left",
        )
        known.append("prompt")
    told = prompts.rename({"messages": "prompt"}).select("prompt_id", *known)
    rows = rows.join(told, on="prompt_id", how="left", maintain_order="left")
    if stage.gives is Pairs:
        rows = with_scores(tables, recipe, rows, stage, stages, refresh=refresh)
    return rows.with_columns(refresh=pl.lit(refresh))


def _scored(stage: Stage, stages: list[Stage]) -> str:
    """The stage of the responses that ``stage`` scores."""
    return next(
        each.name for each in stages if each.gives is Responses and each.name in stage.reads
    )


def with_scores(
    tables: Tables,
    recipe: str,
    pairs: pl.DataFrame,
    stage: Stage,
    stages: list[Stage],
    *,
    refresh: str,
) -> pl.DataFrame:
    """``pairs`` with the mean score of either side, by the stage that the pairs were chosen by.

    That is of whole answers: sides that are steps after a shared beginning have none.
    """
    scoring = [each.name for each in stages if each.gives is Scores and each.name in stage.reads]
    if not scoring:
        return pairs
    scores = tables.read((recipe, scoring[0]), refresh).filter(pl.col("step").is_null())
    mean = scores.group_by("response_id").agg(pl.col("value").mean())
    for side in ("chosen", "rejected"):
        renamed = mean.rename({"response_id": f"{side}_id", "value": f"score_{side}"})
        pairs = pairs.join(
            renamed, on=f"{side}_id", how="left", maintain_order="left"
        ).with_columns(pl.when(pl.col("shared_prefix").is_null()).then(f"score_{side}"))
    return pairs
