"""A recipe that draws a second set of prompts: a labelled seed, or a second evaluation set."""

from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets import Factory
from assets.datasets.gather import gathered
from assets.definitions import build_definitions
from assets.execution.in_process import execute_job
from assets.refresh import Outcome, run_refresh
from assets.report.funnel import funnel
from assets.report.report_data import ReportData
from tests.assets.conftest import SAMPLED, STAGES, Workshop

DAYS = ("2026-11-11", "2026-11-12")
DRAWING: dict[str, Any] = {
    "harder": {"use": "generators.Draw", "of": "harder", "rows": 3},
    "more": {"use": "generators.Draw", "of": "pocket", "rows": 4},
    "seeds": {**SAMPLED, "of": "more"},
    "texts": {"use": "generators.Fixed", "of": "more", "texts": ["Answer: 1", "Answer: 2"]},
    "pairs": {"use": "filters.RandomPairs", "of": "texts", "prompts": "more"},
    "policy": STAGES["policy"],
    "on_harder": {**STAGES["validated"], "prompts": "harder"},
}


@pytest.fixture
def drawing(ran: tuple[Workshop, Outcome]) -> Workshop:
    workshop, _ = ran
    read = {"use": "pocket.Problems", "seed": 7, "operations": [6, 8]}
    workshop.source("harder", read=read, check="pocket.check", rows=8, fixed=True)
    workshop.recipe("drawing", DRAWING, rows=2)
    return workshop


def read(workshop: Workshop, stage: str, day: str) -> pl.DataFrame:
    return workshop.project().tables.read(("drawing", stage), day)


def run(
    workshop: Workshop,
    name: str,
    day: str,
    *stages: str,
    rows: int | None = None,
    held_out: int | None = None,
) -> Any:
    """Run some stages of a recipe."""
    project = workshop.project()
    definitions = build_definitions(project, [name])
    return run_refresh(
        project,
        definitions,
        name,
        refresh=day,
        rows=rows,
        held_out=held_out,
        stages=stages,
        shown=False,
    )


def test_a_policy_is_measured_on_what_was_drawn(drawing: Workshop) -> None:
    outcome = drawing.run("drawing", DAYS[0])
    evaluated = read(drawing, "on_harder", DAYS[0])
    assert sorted(evaluated["prompt_id"]) == sorted(read(drawing, "harder", DAYS[0])["prompt_id"])
    assert outcome.stages["harder"]["in"] == 8
    assert outcome.stages["harder"]["dropped"] == {"more prompts than rows": 5}
    project = drawing.project()
    parts = gathered(project.datasets["drawing"], project.tables)
    learned = pl.concat(part.rows() for part in parts)
    assert set(learned["source"]) == {"pocket"}
    assert outcome.labels is not None
    assert sum(outcome.labels) > 0
    data = ReportData.of_refresh(project, "drawing", DAYS[0])
    assert data.given_prompts(learned["prompt_id"]).height == learned["prompt_id"].n_unique()
    (level,) = (each for each in funnel(data) if each.name == "harder")
    assert (level.account.came, level.account.kept, level.account.adds_up) == (8, 3, True)


def test_each_refresh_draws_apart_from_the_prompts_until_then(drawing: Workshop) -> None:
    outcomes = [run(drawing, "drawing", day, "harder", "seeds") for day in DAYS]
    assert set(outcomes[0].sources) == {"pocket", "harder"}
    used: set[str] = set()
    for day in DAYS:
        prompts, more = (set(read(drawing, each, day)["prompt_id"]) for each in ("prompts", "more"))
        used |= prompts
        assert len(more) == 4
        assert not used & more
        assert set(read(drawing, "seeds", day)["prompt_id"]) <= more
    # A fixed source gives the same prompts at each refresh.
    first, second = (read(drawing, "harder", day) for day in DAYS)
    assert first.equals(second)
    # Once more, as after a kill: the later refresh changes nothing.
    kept = {stage: read(drawing, stage, DAYS[0]) for stage in ("harder", "more", "seeds")}
    run(drawing, "drawing", DAYS[0], *kept)
    assert all(read(drawing, stage, DAYS[0]).equals(frame) for stage, frame in kept.items())


def test_few_held_out_prompts_are_asked_but_none_is_drawn(drawing: Workshop) -> None:
    held = {"use": "pocket.Problems", "split": "held_out"}
    drawing.source("twin", read=held, check="pocket.check", rows=5, fixed=True)
    stages: dict[str, Any] = {
        "twin": {"use": "generators.Draw", "of": "twin", "rows": 5},
        "answers": {**SAMPLED, "of": "held_out"},
    }
    drawing.recipe("twins", stages, rows=2)
    outcome = run(drawing, "twins", DAYS[0], *stages, held_out=1)
    assert outcome.stages["answers"]["in"] == 1
    assert outcome.stages["twin"]["dropped"] == {"is an evaluation prompt": 3}


def test_a_small_run_draws_fewer(drawing: Workshop) -> None:
    drawing.recipe("small", DRAWING, rows=4)
    outcome = run(drawing, "small", DAYS[0], "more", "harder", rows=2)
    assert [outcome.stages[each]["kept"] for each in ("prompts", "more", "harder")] == [2, 2, 2]


def test_a_run_of_the_job_draws_as_few(drawing: Workshop) -> None:
    drawing.recipe("jobbed", DRAWING, rows=4)
    stages = {"prompts": 2, "more": 2, "harder": 1}
    execute_job(
        build_definitions(drawing.project(), ["jobbed"]),
        "jobbed",
        what="the job",
        # As in the file of `dagster job execute -c`, in the UI and by a schedule.
        ops={
            "jobbed__prompts": {"config": {"rows": 2}},
            "jobbed__harder": {"config": {"set": {"rows": 1}}},
        },
        partition_key=DAYS[0],
        assets=[
            *(dg.AssetKey(["jobbed", name]) for name in stages),
            *(dg.AssetKey(["prompts", name]) for name in ("pocket", "harder", "held_out")),
        ],
        shown=False,
    )
    tables = drawing.project().tables
    assert {name: tables.height(("jobbed", name), DAYS[0]) for name in stages} == stages
    assert tables.about(("jobbed", "more"), DAYS[0]) == {"set": {"rows": 2}}


def test_a_preview_draws_as_few(drawing: Workshop) -> None:
    splits = Factory.open().preview("drawing", rows=1)
    assert [splits[stage].kept.height for stage in ("prompts", "harder", "more")] == [1, 1, 1]
    assert splits["seeds"].kept.height == 2


def test_a_plan_counts_what_is_asked_about_drawn_prompts(drawing: Workshop) -> None:
    planned = Factory.open().plan("drawing", refresh="2026-11-14", sample=2)
    assert not planned.unknown
    asked = {each.stage: round(each.calls.value) + each.journaled for each in planned.roles}
    # Two samples for each of 4 prompts; one answer to each of 3, before and after the training.
    assert (asked["seeds"], asked["on_harder"]) == (8, 6)
