"""The claim of a recipe, measured when it runs and by ``factory claims``."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from assets.cli import app
from assets.cli.claim_runs import policy_of
from assets.cli.claims import measure_until_decided
from assets.cli.claims_page import write_claims
from assets.execution.unmeasured import NOT_MEASURED, result_words
from assets.refresh import Outcome
from assets.report.claim import Finding
from tests.assets.conftest import STAGES, Workshop

GAIN = {"use": "claims.PolicyGain", "of": "validated", "control": "validated"}


def test_claims_run_a_recipe_and_its_control_and_compare(
    ran: tuple[Workshop, Outcome], tmp_path: Any
) -> None:
    workshop, _ = ran
    workshop.recipe("claiming", control="first", measure=GAIN, rows=3)
    done = CliRunner().invoke(
        app,
        [
            *("claims", "claiming", "--rows", "3", "--refresh", "2026-11-05"),
            *("--docs", str(tmp_path), "--json"),
        ],
    )
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.stdout)
    # The same recipe on the same prompts: the same policy, so no difference at all.
    assert told["id"] == "claiming"
    assert told.keys() >= {"id", "claim", "measured", "control", "low", "high", "held"}
    assert told["measured"] == told["control"]
    assert (told["low"], told["high"], told["held"]) == (0.0, 0.0, False)
    assert json.loads((tmp_path / "claims.json").read_text()) == [told]
    assert "Claim: It helps. Control: `first`." in (tmp_path / "claims.md").read_text()


def test_a_result_of_other_words_or_rounds_is_left_out(workshop: Workshop, tmp_path: Any) -> None:
    workshop.recipe("changed", rounds=3)
    told = {"id": "changed", "claim": "It helps", "policy": "base", "rows": 9, "verdict": "held"}
    results = {
        "as it is": told | {"rounds": 3},
        "not told": told,
        "other rounds": told | {"rounds": 1},
        "other words": told | {"claim": "It helped"},
    }
    claims = [{**each, "world": world, "says": "held: so"} for world, each in results.items()]
    write_claims(tmp_path, claims, workshop.project())
    left = json.loads((tmp_path / "claims.json").read_text())
    assert [claim["world"] for claim in left] == ["as it is", "not told"]
    assert "It helped" not in (tmp_path / "claims.md").read_text()


def test_a_result_of_few_prompts_is_written_only_with_how_many_would_decide(
    workshop: Workshop, tmp_path: Any
) -> None:
    for name in ("few", "deciding", "whole"):
        workshop.recipe(name, rows=9)
    told = {"claim": "It helps", "world": "w", "policy": "base", "verdict": "undecided"}
    claims = [
        {**told, "id": "few", "rows": 8, "says": "held: so", "verdict": "held"},
        {**told, "id": "deciding", "rows": 8, "says": "undecided: about 20 would decide"},
        {**told, "id": "whole", "rows": 9, "says": "undecided: so"},
    ]
    (refused,) = write_claims(tmp_path, claims, workshop.project())
    assert refused.startswith("few is not written: it was measured on 8 prompts")
    page = (tmp_path / "claims.md").read_text()
    assert "| 8 of 9 |" in page
    assert "| 9 |" in page
    assert "`few`" not in page


def test_a_result_of_other_weights_says_so(
    workshop: Workshop, tiny_model: Path, tmp_path: Path
) -> None:
    workshop.recipe("measured")
    workshop.configure(roles={"policy": {"model": str(tiny_model)}})
    project = workshop.project()
    told = {
        "id": "measured",
        "claim": "It helps",
        "rows": 99,
        "verdict": "held",
        "says": "held: so",
    }
    today = told | policy_of(project.settings) | {"world": "today"}
    write_claims(tmp_path, [today, today | {"world": "before", "weights": "sha:0"}], project)
    first, second = (tmp_path / "claims.md").read_text().split("## today")
    assert ", earlier weights |" in first
    assert ", earlier weights |" not in second


def test_the_curves_of_a_claim_are_pictures_of_the_docs(workshop: Workshop, tmp_path: Any) -> None:
    workshop.recipe("curved")
    points = {"mine": [[0, 0.2], [1, 0.9]], "control <b>": [[0, 0.2], [1, 0.1]]}
    curves = [{"panel": "gold", "name": name, "points": each} for name, each in points.items()]
    told = {"claim": "It helps", "world": "w", "policy": "base", "rows": 9, "says": "held: so"}
    plot = {"plot": {"along": "KL in nats", "curves": curves}}
    claim = {**told, **plot, "id": "curved", "verdict": "held", "low": 0.1, "high": 0.2}
    write_claims(tmp_path, [claim], workshop.project())
    assert "](curves/curved-w.svg)" in (tmp_path / "claims.md").read_text()
    picture = (tmp_path / "curves" / "curved-w.svg").read_text()
    assert "gold by mine 0.20 to 0.90" in picture
    assert "<b>" not in picture
    assert Finding.of_docs(claim).picture is not None


def test_a_gain_over_rounds_is_since_the_first(ran: tuple[Workshop, Outcome]) -> None:
    workshop, _ = ran
    gain = {"use": "claims.PolicyGain", "of": "validated"}
    workshop.recipe("repeated", measure=gain, rounds=2)
    command = ["claims", "repeated", "--rows", "3", "--refresh", "2026-11-09", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.stdout)
    folder = workshop.folder / "data/claims/2026-11-09/tables/repeated/validated"
    first, last = (pl.read_parquet(folder / f"2026-11-0{day}.parquet") for day in (8, 9))
    both = last.join(first, on="prompt_id", suffix="_first")
    gained = both["greedy_after"].cast(int).mean() - both["greedy_before_first"].cast(int).mean()
    assert told["measured"] == pytest.approx(gained)


def test_a_claim_about_labels_trains_nothing(ran: tuple[Workshop, Outcome]) -> None:
    workshop, _ = ran
    labels = {"use": "claims.LabelAccuracy", "of": "pairs", "control": "pairs"}
    workshop.recipe("labelled", measure=labels)
    command = ["claims", "labelled", "--rows", "3", "--refresh", "2026-11-08", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    made = workshop.folder.glob("data/claims/2026-11-08/tables/labelled/*")
    assert {each.name for each in made} == {"prompts", "responses", "pairs"}


def test_an_undecided_claim_goes_on_with_more_prompts(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int | None]] = []
    decides = {"near": [300, 500, None], "far": [None]}

    def measured(_: Any, names: list[str], *, rows: int | None, **__: Any) -> list[dict[str, Any]]:
        (name,) = names
        asked.append((name, rows))
        return [{"id": name, "rows": rows or 50, "deciding_rows": decides[name].pop(0)}]

    monkeypatch.setattr("assets.cli.claims.measure_claims", measured)
    given: dict[str, Any] = {"rows": None, "refresh": "2026-11-01"}
    settings = workshop.project().settings
    *_, found = measure_until_decided(settings, ["near", "far"], **given, hours=1)
    assert asked == [("near", None), ("far", None), ("near", 200), ("near", 500)]
    assert {claim["id"]: claim["rows"] for claim in found} == {"near": 500, "far": 50}

    decides["near"] = [300]
    assert len(list(measure_until_decided(settings, ["near"], **given, hours=0))) == 1


def test_trainings_are_repeated_with_other_seeds(
    ran: tuple[Workshop, Outcome], tmp_path: Any
) -> None:
    workshop, _ = ran
    workshop.recipe("seeded", measure={"use": "claims.PolicyGain", "of": "validated"})
    command = ["claims", "seeded", "--rows", "3", "--refresh", "2026-11-09", "--seeds", "2"]
    done = CliRunner().invoke(app, [*command, "--docs", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.stdout)
    assert told["seeds"] == 2
    assert "over 2 seeds of training" in told["says"]
    folder = workshop.folder / "data" / "claims" / "2026-11-09"
    place = "tables/seeded/policy/2026-11-09.parquet"
    paths = [pl.read_parquet(each / place)["path"][0] for each in (folder, folder / "seed-1")]
    seeds = [
        json.loads((Path(path) / "training.json").read_text())["identity"]["seed"] for path in paths
    ]
    assert seeds == [0, 1]


def test_a_claim_is_measured_in_another_world(ran: tuple[Workshop, Outcome], tmp_path: Any) -> None:
    workshop, _ = ran
    read = {"use": "instructions.Instructions"}
    workshop.source("orders", read=read, check="instructions.check", rows=3)
    held_out = {"read": {**read, "split": "held_out"}, "check": "instructions.check"}
    workshop.source("orders_held_out", **held_out, rows=3, fixed=True)
    gain = {"use": "claims.PolicyGain", "of": "validated"}
    workshop.recipe("worldly", measure=gain, rows=3)
    workshop.recipe("settled", measure=gain, sources={"pocket": 1.0}, rows=3)
    told = []
    for world in ("orders", "pocket_worked"):
        command = ["claims", "worldly", "settled", "--rows", "3", "--refresh", "2026-11-07"]
        done = CliRunner().invoke(
            app, [*command, "--world", world, "--docs", str(tmp_path), "--json"]
        )
        told.append((done.exit_code, done.output))
    (code, output), (wrong, reason) = told
    assert code == 0, output
    worldly, settled = json.loads((tmp_path / "claims.json").read_text())[::-1]
    assert worldly["world"] == settled["world"] == "orders"
    assert worldly["measured"] is not None
    assert settled["verdict"] is None
    assert "pocket" in settled["says"]
    (file,) = workshop.folder.glob("data/claims/orders/*/tables/worldly/prompts/*-07.parquet")
    assert pl.read_parquet(file)["source"].unique().to_list() == ["orders"]
    assert wrong == 1
    assert "there is no source 'pocket_worked_held_out'" in reason


def test_a_run_whose_control_has_not_run_says_what_to_run(ran: tuple[Workshop, Outcome]) -> None:
    workshop, _ = ran
    workshop.recipe("alone", control="first", measure=GAIN)
    outcome = workshop.run("alone", refresh="2026-11-06", rows=2)
    assert outcome.claim is not None
    assert result_words(outcome.claim) == NOT_MEASURED
    assert "factory run first --refresh 2026-11-06" in (outcome.claim.description or "")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"measure": {**GAIN, "of": "validates"}}, "there is no stage 'validates'; did you mean"),
        ({"measure": {"use": "claims.Gain", "of": "pairs"}}, "cannot import"),
        ({"measure": {**GAIN, "off": 1}}, "has no such parameter"),
        ({"measure": {"of": "pairs"}}, "'use' is missing"),
    ],
)
def test_a_measure_that_cannot_be_is_refused_when_it_loads(
    workshop: Workshop, changes: Any, told: str
) -> None:
    workshop.recipe("wrong", **changes)
    (refusal,) = workshop.project().refusals
    assert told in str(refusal.error)
    assert str(refusal.error.field).startswith("measure")


def test_a_control_without_the_measured_stage_is_refused(workshop: Workshop) -> None:
    workshop.recipe("short", stages={"responses": STAGES["responses"]})
    workshop.recipe("long", control="short", measure=GAIN)
    (refusal,) = workshop.project().refusals
    assert "the control 'short' has no stage 'validated'" in str(refusal.error)
