"""Works a large stage in parts, some prompts after the other, so that its memory is bounded.

A stage is worked in parts if it reads many prompts, and its operator looks at one of them at a time
(`schemas.Operator.by_prompt`). A stage that reads nothing but scores, which do not name their
prompts, is cut between responses instead. Each part is stored as soon as it is complete, and a run
after a kill goes on with the parts that are missing. Rows, their order and their seeds are those of
a stage that is worked as a whole. Dropped rows are in the order of the parts. While the last rows
of a part are answered, the next part begins (`engines.runtime.overlap`), so two are in memory.

What is shown of a stage is of all rows, except sample rows, pictures and histograms, which are of
the first part, and probes and other conclusions, which are of `CONCLUDED` prompts.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import polars as pl
from upath import UPath

from assets.execution.execute_stage import (
    CHECKED_PROMPTS,
    StageOutcome,
    given_of,
    scorer_figures,
    with_batch,
)
from assets.execution.part_identity import made_by
from assets.execution.row_counts import RowCounts, count_rows, counted_columns
from assets.project.label_origin import label_origin
from assets.project.label_truth import LabelCounts, label_counts
from assets.project.recipe_plan import Stage
from assets.storage.stage_parts import StageParts
from assets.storage.tables import Question, query_table, read_table
from engines.context import Context
from engines.operators.row_operator import RowOperator
from engines.runtime.kept_open import kept_open
from engines.runtime.overlap import overlap
from schemas import Findings, Lengths, Pairs, Prompts, Split, StageReport, Usage, content_id
from schemas.ids import content_ids

PROMPTS = 25_000
"""The most prompts of a part, or responses."""
CONCLUDED = 2_000
"""The prompts that probes may choose from, drawn by a hash of the run's seed and their ids."""

Stored = UPath | pl.DataFrame
"""A table of a stage: the path of a stored one, or its rows."""

_NAMES_RESPONSES = ("response_id", "node_id", "chosen_id", "rejected_id")


def whole(tables: Mapping[str, Stored]) -> dict[str, pl.DataFrame]:
    """All rows of all tables."""
    return {
        name: stored if isinstance(stored, pl.DataFrame) else read_table(stored)
        for name, stored in tables.items()
    }


def parts_of(stage: Stage, tables: Mapping[str, Stored]) -> list[pl.Series]:
    """The ids of the prompts of each part, or of its responses if no table names prompts; empty if
    the stage is worked as a whole.

    Tables of an object store are read as a whole, and so are tables in which the rows of a prompt
    do not follow each other.
    """
    of = getattr(stage.operator, "of", None)
    if not stage.operator.by_prompt or not isinstance(of, str):
        return []
    if any(not isinstance(stored, Path | pl.DataFrame) for stored in tables.values()):
        return []
    names = {name: _columns(stored) for name, stored in tables.items()}
    unit = _unit(names)
    if unit not in names[of]:
        return []
    rows = _ask(tables[of], lambda rows: rows.select(unit))[unit]
    ids = rows.filter(rows.ne_missing(rows.shift()))
    if ids.len() <= PROMPTS or ids.has_nulls() or ids.is_duplicated().any():
        return []
    return [ids[start : start + PROMPTS] for start in range(0, ids.len(), PROMPTS)]


def execute_in_parts(
    stage: Stage,
    tables: Mapping[str, Stored],
    context: Context,
    parts: Sequence[pl.Series],
    stored: StageParts,
    *,
    stages: Sequence[Stage] = (),
) -> tuple[StageOutcome, Mapping[str, pl.DataFrame]]:
    """Run the stage's operator, part after part.

    Args:
        stage: A stage of `assets.project.recipe_plan.plan`.
        tables: The tables that the stage reads, by stage name.
        context: The context of the run.
        parts: What `parts_of` gives.
        stored: Where the parts are written.
        stages: The stages of the recipe, which tell how labels were made.

    Returns:
        The outcome, and the tables that the first part was made from. The kept rows of the outcome
            are those of the first part.

    Raises:
        EngineError: No row can be answered, or too many rows of a part failed. The parts before it
            are kept.
    """
    began = perf_counter()
    operator = stage.operator
    trained = whole({name: tables[name] for name in stage.weights.values()})
    context = replace(with_batch(stage, trained, context), gives=stage.gives)
    with kept_open():
        identity = made_by(stage, context, tables)
        report = _worked(stage, tables, context, parts, stored, identity)
        if isinstance(operator, RowOperator):
            drawn = content_ids(context.seed, pl.concat(parts)).arg_sort().head(CONCLUDED)
            read, kept = _sample(tables, stored, pl.concat(parts)[drawn.sort()])
            report += operator.conclusions(read, kept, context)
    seconds = perf_counter() - began
    first = rows_of_part(tables, parts[0])
    split = Split(next(stored.parts()), stored.dropped(), report)
    outcome = StageOutcome(
        stage,
        split,
        _counted(stage, tables, stored, split.dropped),
        seconds,
        scorer_figures=_scorer_figures(stage, tables, stored, context),
        labels=_labels(stage, tables, parts, stored, context, stages),
        label_origin=(
            label_origin(stage, stages, stored.query(lambda r: r.select("ends")), context.checks)
            if stage.gives is Pairs
            else None
        ),
        stored=stored,
    )
    return outcome, first


def _worked(
    stage: Stage,
    tables: Mapping[str, Stored],
    context: Context,
    parts: Sequence[pl.Series],
    stored: StageParts,
    identity: str,
) -> StageReport:
    """Write all parts that are missing. What the stage reports of its session."""
    reports: dict[int, StageReport] = {}
    with _session(stage, rows_of_part(tables, parts[0]), context) as (work, counts, report):

        def missing() -> Iterator[Callable[[], _Worked]]:
            for number, ids in enumerate(parts):
                mine = content_id(identity, number, ids.to_list())
                figures = stored.kept(number, mine)
                if context.progress:
                    done = "" if figures is None else ", of an earlier run"
                    where = f"{context.recipe}/{context.stage}: part {number + 1} of {len(parts)}"
                    print(f"{where}{done}", file=sys.stderr)
                if figures is None:
                    yield partial(worked, number, ids, mine)
                else:
                    counts.update(figures["counts"])
                    lengths = {int(at): Lengths(**each) for at, each in figures["lengths"].items()}
                    usage = Usage(journal_hits=figures["answers"], lengths=lengths)
                    reports[number] = StageReport(usage)

        def worked(number: int, ids: pl.Series, mine: str) -> _Worked:
            return _Worked(number, mine, *work(rows_of_part(tables, ids)))

        def write(part: _Worked) -> None:
            usage = part.split.report.usage
            figures = {
                "counts": dict(part.counts),
                "answers": usage.model_calls + usage.journal_hits,
                "lengths": {limit: asdict(each) for limit, each in usage.lengths.items()},
            }
            stored.write(part.number, part.split, made_by=part.made_by, figures=figures)
            counts.update(part.counts)
            reports[part.number] = part.split.report

        overlap(missing(), write, window=context.window)
    return sum((reports[number] for number in sorted(reports)), StageReport()) + report()


class _Worked(NamedTuple):
    """A part whose rows are complete: its number, what made it, its rows and its counts."""

    number: int
    made_by: str
    split: Split
    counts: Counter[str]


@contextmanager
def _session(
    stage: Stage, first: Mapping[str, pl.DataFrame], context: Context
) -> Iterator[
    tuple[
        Callable[[Mapping[str, pl.DataFrame]], tuple[Split, Counter[str]]],
        Counter[str],
        Callable[[], StageReport],
    ]
]:
    """What makes the rows of a part and its counts, the counts of all parts, and the report after
    the last one."""
    operator = stage.operator
    if not isinstance(operator, RowOperator):
        yield lambda read: (operator.run(read, context), Counter()), Counter(), StageReport
        return
    with operator.session(first, context) as session:

        def work(read: Mapping[str, pl.DataFrame]) -> tuple[Split, Counter[str]]:
            part = session.of_part()
            return operator.rows_of(read, part), part.counts

        yield work, session.counts, lambda: operator.report(session)


def _counted(
    stage: Stage, tables: Mapping[str, Stored], stored: StageParts, dropped: pl.DataFrame
) -> RowCounts:
    """The counts of rows, which only need columns of ids."""

    def ids(rows: pl.LazyFrame) -> pl.LazyFrame:
        known = rows.collect_schema().names()
        return rows.select([name for name in counted_columns(stage) if name in known])

    read = {name: _ask(each, ids) for name, each in tables.items()}
    return count_rows(stage, read, Split(stored.query(ids), dropped))


def _scorer_figures(
    stage: Stage, tables: Mapping[str, Stored], stored: StageParts, context: Context
) -> Findings:
    prompts = getattr(stage.operator, "prompts", None)
    if prompts is None:
        return {}
    known = pl.col("source").is_in(list(context.checks))
    first = _ask(
        tables[prompts],
        lambda rows: rows.filter(known).select("prompt_id").sort("prompt_id").head(CHECKED_PROMPTS),
    )
    read, kept = _sample(tables, stored, first["prompt_id"])
    return scorer_figures(stage.operator, read, kept, context.checks)


def _labels(
    stage: Stage,
    tables: Mapping[str, Stored],
    parts: Sequence[pl.Series],
    stored: StageParts,
    context: Context,
    stages: Sequence[Stage],
) -> LabelCounts | None:
    if stage.gives is not Pairs:
        return None
    given = {name: tables[name] for name in tables if _columns(tables[name]) == _PROMPTS}
    counts = [LabelCounts()]
    for ids, pairs in zip(parts, stored.parts(), strict=True):
        prompts = given_of(rows_of_part(given, ids), stages)
        counts.append(label_counts(pairs, prompts, context.checks))
    return LabelCounts(*map(sum, zip(*counts, strict=True)))


_PROMPTS = list(Prompts.columns())


def _sample(
    tables: Mapping[str, Stored], stored: StageParts, ids: pl.Series
) -> tuple[Mapping[str, pl.DataFrame], pl.DataFrame]:
    """The rows of some prompts: of the stage's tables, and those that it kept."""
    read = rows_of_part(tables, ids)
    unit, known = ("prompt_id", ids) if "prompt_id" in stored.columns() else _responses(read)
    return read, stored.query(lambda rows: rows.filter(pl.col(unit).is_in(known.implode())))


def rows_of_part(tables: Mapping[str, Stored], ids: pl.Series) -> dict[str, pl.DataFrame]:
    """The rows of some prompts, in their order, and rows about all prompts. A table about no
    prompts has all its rows. If no table names prompts, the rows of some responses."""
    names = {name: _columns(stored) for name, stored in tables.items()}
    unit = _unit(names)
    theirs = pl.col(unit).is_in(ids.implode()) | pl.col(unit).is_null()
    read = {
        name: _ask(stored, lambda rows: rows.filter(theirs))
        for name, stored in tables.items()
        if unit in names[name]
    }
    response, known = _responses(read)
    mine = known.implode()
    return {
        name: read[name]
        if name in read
        else _ask(stored, lambda rows: rows.filter(pl.col(response).is_in(mine)))
        if response in names[name]
        else _ask(stored, lambda rows: rows)
        for name, stored in tables.items()
    }


def _unit(names: Mapping[str, Sequence[str]]) -> str:
    """The column of ids between which tables of these columns are cut."""
    named = any("prompt_id" in columns for columns in names.values())
    return "prompt_id" if named else "response_id"


def _responses(read: Mapping[str, pl.DataFrame]) -> tuple[str, pl.Series]:
    """The column that names responses, and those that some tables name."""
    named = [
        frame[name].rename("response_id").drop_nulls()
        for frame in read.values()
        for name in _NAMES_RESPONSES
        if name in frame.columns
    ]
    return "response_id", pl.concat([pl.Series("response_id", [], pl.String), *named]).unique()


def _columns(stored: Stored) -> list[str]:
    if isinstance(stored, pl.DataFrame):
        return stored.columns
    return query_table(stored, lambda rows: rows.head(0)).columns


def _ask(stored: Stored, question: Question) -> pl.DataFrame:
    if isinstance(stored, pl.DataFrame):
        return question(stored.lazy()).collect()
    return query_table(stored, question)
