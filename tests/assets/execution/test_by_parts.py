"""A stage that is worked in parts gives what it gives as a whole; after a kill it goes on."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from upath import UPath

from annotators import Judge, JudgingItems
from assets.execution import by_parts
from assets.execution.by_parts import Stored, execute_in_parts, parts_of
from assets.execution.execute_stage import StageOutcome, execute_stage
from assets.execution.run_stage import checks_of, metadata_of
from assets.project.recipe_plan import Stage
from assets.storage.stage_parts import StageParts
from assets.storage.tables import Tables
from engines.context import Context
from filters import AggregateSteps, BestWorst, Threshold
from generators import Sample
from schemas import Dropped, Operator, Pairs, Prompts, Responses, Scores, Split, Table, empty
from tests.annotators.scripted import Bench

CHECKS = {"test": "tests.annotators.scripted.is_right"}
ANSWERS = {f"prompt {n}": [f"wrong {n}", f"it is right {n}"] for n in range(9)}
DAY = "2026-01-01"


def says(prompt: str, *responses: str) -> str:
    """A judge that grades right answers higher, and one answer not at all."""
    if "right 4" in prompt or any("right 4" in one for one in responses):
        raise ValueError("no grade")
    return "5" if responses and "right" in responses[0].split() else "1"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def context(bench: Bench) -> Context:
    return replace(bench.context(says, checks=CHECKS), progress=False)


class Run:
    """Runs stages on stored tables, whole or in parts."""

    def __init__(self, root: Path, tables: Mapping[str, pl.DataFrame]) -> None:
        self.tables = Tables(root)
        self.whole = dict(tables)
        for name, frame in tables.items():
            self.tables.write(("r", name), DAY, Split(frame, empty(Dropped)))

    def stored(self) -> Mapping[str, Stored]:
        return {name: self.tables.path(("r", name), DAY) for name in self.whole}

    def at_once(self, stage: Stage, context: Context) -> StageOutcome:
        return execute_stage(stage, self.whole, context, stages=[stage])

    def in_parts(
        self, stage: Stage, context: Context
    ) -> tuple[StageOutcome, Mapping[str, pl.DataFrame]]:
        parts = parts_of(stage, self.stored())
        assert parts
        place = StageParts(self.tables.path(("r", stage.name), DAY))
        return execute_in_parts(stage, self.stored(), context, parts, place, stages=[stage])


def stage(operator: Operator, gives: type[Table]) -> Stage:
    return Stage("made", operator, gives, ("responses", "prompts"))


STAGES = {
    "sample": stage(Sample(model="judge", n=2), Responses),
    "judge": stage(Judge(of="responses"), Scores),
    "pairs": stage(BestWorst(of="responses", by="scores"), Pairs),
    "kept": stage(Threshold(of="responses", by="scores", at_least=2), Responses),
    "items": stage(JudgingItems(of="responses"), Prompts),
}


def comparable(outcome: StageOutcome) -> dict[str, Any]:
    """What is the same whether a stage is worked whole or in parts."""
    usage = outcome.usage
    return {
        "counts": outcome.counts,
        "findings": outcome.findings,
        "probes": outcome.probes,
        "choices": outcome.choices,
        "accuracy": (outcome.scorer_figures, outcome.labels),
        "origin": outcome.label_origin,
        "answers": usage.model_calls + usage.journal_hits,
        "lengths": usage.lengths,
        "checks": [(check.check_name, check.passed) for check in checks_of(outcome)],
    }


@pytest.fixture
def run(bench: Bench, tmp_path: Path, context: Context) -> Run:
    tables = bench.tables(ANSWERS)
    scores = Judge(of="responses").run(tables, replace(context, stage="scores")).kept
    return Run(tmp_path / "data", {**tables, "scores": scores})


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("name", STAGES)
def test_parts_are_the_whole(
    name: str, size: int, run: Run, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run.at_once(STAGES[name], context)
    monkeypatch.setattr(by_parts, "PROMPTS", size)
    outcome, shown = run.in_parts(STAGES[name], context)
    assert comparable(outcome) == comparable(whole)
    known = metadata_of(whole, run.whole).keys() - {"tokens/s"}
    assert metadata_of(outcome, shown).keys() - {"tokens/s"} == known
    assert outcome.stored is not None
    outcome.stored.publish({"set": 1})
    key = ("r", "made")
    assert_frame_equal(run.tables.read(key, DAY), whole.split.kept)
    by_id = ["row_id", "reason"]
    assert_frame_equal(
        run.tables.read_dropped(key, DAY).sort(by_id), whole.split.dropped.sort(by_id)
    )
    assert run.tables.about(key, DAY) == {"set": 1}
    folder = run.tables.path(key, DAY).with_name(f"{DAY}.parts")
    assert len(list(folder.iterdir())) == 1 + -(-len(ANSWERS) // size)


def test_scores_alone_are_cut_between_responses(
    run: Run, tmp_path: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_steps = run.whole["scores"].with_columns(step=pl.lit(0, pl.Int32))
    failed = pl.when(pl.int_range(pl.len()) == 5).then(pl.lit("failed"))
    value = pl.when(failed.is_null()).then("value")
    of_steps = of_steps.with_columns(error=failed, value=value)
    alone = Run(tmp_path / "alone", {"scores": of_steps})
    aggregated = Stage("made", AggregateSteps(of="scores"), Scores, ("scores",))
    whole = alone.at_once(aggregated, context)
    assert whole.split.kept.height > 3
    assert whole.split.dropped.height
    monkeypatch.setattr(by_parts, "PROMPTS", 3)
    outcome, _ = alone.in_parts(aggregated, context)
    assert comparable(outcome) == comparable(whole)
    assert outcome.stored is not None
    outcome.stored.publish({})
    assert_frame_equal(alone.tables.read(("r", "made"), DAY), whole.split.kept)


class Killed(BaseException):
    """Stands for a kill."""


def test_after_a_kill_complete_parts_are_kept(
    run: Run, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = STAGES["judge"]
    whole = run.at_once(judge, context)
    monkeypatch.setattr(by_parts, "PROMPTS", 2)
    written, write = [], StageParts.write

    def killed_at_the_third(self: StageParts, *args: Any, **kwargs: Any) -> None:
        if len(written) == 2:
            raise Killed
        written.append(write(self, *args, **kwargs))

    monkeypatch.setattr(StageParts, "write", killed_at_the_third)
    with pytest.raises(Killed):
        run.in_parts(judge, context)
    assert not run.tables.refreshes(("r", "made"))
    monkeypatch.setattr(StageParts, "write", write)
    worked: list[int] = []
    rows_of = Judge.rows_of

    def counted(self: Judge, tables: Mapping[str, pl.DataFrame], session: Any) -> Split:
        worked.append(tables["prompts"].height)
        return rows_of(self, tables, session)

    monkeypatch.setattr(Judge, "rows_of", counted)
    outcome, _ = run.in_parts(judge, context)
    assert worked == [2, 2, 1]
    assert {**comparable(outcome), "choices": None} == {**comparable(whole), "choices": None}
    assert outcome.stored is not None
    outcome.stored.publish({})
    assert_frame_equal(run.tables.read(("r", "made"), DAY), whole.split.kept)


@pytest.mark.parametrize(
    "changed",
    [
        lambda stage, context: (replace(stage, operator=Judge(scale=(1, 9))), context),
        lambda stage, context: (stage, replace(context, seed=1)),
    ],
)
def test_parts_that_something_else_made_are_made_again(
    changed: Any, run: Run, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_parts, "PROMPTS", 4)
    run.in_parts(STAGES["judge"], context)
    outcome, _ = run.in_parts(*changed(STAGES["judge"], context))
    whole = run.at_once(*changed(STAGES["judge"], context))
    assert outcome.stored is not None
    assert_frame_equal(pl.concat(outcome.stored.parts()), whole.split.kept)
    assert outcome.usage.model_calls


def test_few_prompts_are_no_parts(run: Run) -> None:
    assert parts_of(STAGES["judge"], run.stored()) == []


def test_rows_of_a_prompt_that_are_apart_are_no_parts(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_parts, "PROMPTS", 2)
    responses = run.whole["responses"]
    mixed = pl.concat([responses.gather_every(2), responses.gather_every(2, offset=1)])
    assert parts_of(STAGES["judge"], {**run.stored(), "responses": mixed}) == []


def test_an_object_store_has_no_parts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_parts, "PROMPTS", 2)
    place = UPath("memory://by-parts/responses.parquet")
    assert parts_of(STAGES["judge"], {**run.stored(), "scores": place}) == []
