"""Every shipped recipe runs on the pocket models and gives what it is for."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import yaml

from assets.definitions import build_definitions
from assets.project.exported_stage import exported_stage
from assets.project.project import Project, load_project
from assets.project.recipe_plan import with_read
from assets.refresh import run_refresh
from assets.report.listed import listed
from assets.report.report_data import WITHOUT_TEXT, load_report_data
from assets.report.rows import browsed
from assets.report.traces import add_traces
from claims import BestOfNGain, RewardGap, Selective
from filters import PromptValues
from schemas import Checkpoints
from tests.checkout import PROJECT

REFRESH = "2026-11-01"
ROWS = 2
HALVED = {
    "alarm": 8,
    "alpaca_farm": 8,
    "autorule": 8,
    "context_aware": 6,
    "contrast_instructions": 8,
    "contrastive_reward": 8,
    "dmoerm": 12,
    "domain_features": 8,
    "herding": 8,
    "online_dpo_learnt": 8,
    "fine_grained_feedback": 8,
    "flame": 8,
    "general_preference": 8,
    "helpsteer2": 8,
    "helpsteer2_preference": 8,
    "iterative_data_smoothing": 8,
    "meta_policy_optimization": 8,
    "micro": 8,
    "odin": 8,
    "pair_rules": 8,
    "pal": 12,
    "per_step_negatives": 12,
    "policy_filtration": 8,
    "reward_anything": 8,
    "reward_robust": 8,
    "reward_topology": 12,
    "rm_ensemble": 8,
    "rm_r1": 8,
    "salmon": 8,
    "scir": 8,
    "summarize_feedback": 8,
    "superhf": 8,
    "tulu3": 12,
}
"""How many rows of recipes that learn from parts of the prompts: of a single prompt all answers may
be alike, and then nothing is learnt."""
MOST = {"epochs": 1, "k": 4, "max_steps": 2, "n": 4, "simulations": 12}
"""The most rollouts, samples and simulations that a stage asks for, and steps and epochs that it
trains for: they are most of the time of the recipes with many. Of the held-out prompts, which are
two, there are twice as many samples: some must be right and some wrong."""
LISTED = 4
"""Rows of each table that are looked at as a report shows them."""
NAMES = sorted(
    file.parent.name
    for file in PROJECT.glob("recipes/*/*/defs.yaml")
    if file.parent.parent.name not in ("sources", "models")
)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The shipped recipes, models and sources, validated on a few held-out prompts. The recipes
    share one journal, as they do for a user."""
    folder = tmp_path_factory.mktemp("shipped")
    config = yaml.safe_load((PROJECT / "factory.yaml").read_text())
    for binding in config["roles"].values():
        binding["model"] = str(PROJECT / binding["model"])
        binding["templates"] = str(PROJECT / binding["templates"])
    few = {
        "name": "few",
        "read": {"use": "pocket.Problems", "split": "held_out"},
        "check": "pocket.check",
        "rows": 2,
        "fixed": True,
    }
    source = folder / "recipes" / "few" / "defs.yaml"
    source.parent.mkdir(parents=True)
    source.write_text(yaml.safe_dump({"type": "assets.Source", "attributes": few}))
    changes = {"root": str(folder / "data"), "held_out": "few", "recipes": ["recipes"]}
    (folder / "factory.yaml").write_text(yaml.safe_dump(config | changes))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACTORY_CONFIG", str(folder / "factory.yaml"))
        patch.setenv("DAGSTER_HOME", str(folder / "dagster"))
        yield load_project()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "random_pairs"])
def test_a_claim_has_a_measure_and_a_control(shipped: Project, name: str) -> None:
    recipe = shipped.recipes[name]
    measure = recipe.measured_by(shipped.settings)
    assert measure is not None
    # Of a gap between models the smallest is the control, of the best of n the majority vote, of
    # confidences one that knows nothing.
    alone = RewardGap | BestOfNGain | Selective
    assert measure.control is not None or isinstance(measure, alone)
    if recipe.control is not None:
        assert set(measure.control_stages()) <= set(shipped.recipes[recipe.control].stages)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("helpsteer2", "tpo")])
def test_what_a_recipe_exports_is_not_only_its_controls(shipped: Project, name: str) -> None:
    """Those two learn from ratings and from lists, which no format of TRL's has."""
    recipe = shipped.recipes[name]
    stages, measure = recipe.planned(shipped.settings), recipe.measured_by(shipped.settings)
    exported = exported_stage(stages)
    if measure is None or exported is None or recipe.control is not None:
        return
    read_by_control = with_read(stages, measure.control_stages())
    own = {*measure.stages()} - {*measure.control_stages()}
    assert exported in with_read(stages, own) or exported not in read_by_control


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_runs_and_ends_with_rows(shipped: Project, name: str) -> None:
    definitions = build_definitions(shipped, [name])
    outcome = run_refresh(
        shipped,
        definitions,
        name,
        refresh=REFRESH,
        rows=HALVED.get(name, ROWS),
        changes=_smaller(shipped, name),
        shown=False,
    )
    for stage, account in outcome.stages.items():
        refused = sum(account["dropped"].values())
        assert account["in"] == account["kept"] + refused, f"{name}/{stage} lost rows"
    *_, last = outcome.stages
    table = Path(shipped.settings.root_path.path) / "tables" / name / last / f"{REFRESH}.parquet"
    assert pl.read_parquet(table).height >= 1
    trains = any(s.gives is Checkpoints for s in shipped.recipes[name].planned(shipped.settings))
    if trains:
        assert outcome.checkpoint is not None
        assert outcome.checkpoint["trained"], outcome.checkpoint["reason"]
    _all_can_be_reported(shipped, name)


def _smaller(project: Project, name: str) -> dict[str, int]:
    """The parameters of stages that are above `MOST`."""
    return {
        f"{stage}.{parameter}": most
        for stage, told in project.recipes[name].stages.items()
        for parameter, least in MOST.items()
        if told.get(parameter, 0) > (most := least * (1 + (told.get("of") == "held_out")))
    }


def _all_can_be_reported(project: Project, name: str) -> None:
    """Rows of each table with text have their text, and each score is beside what it scores."""
    data = load_report_data(project, name, "prompts", refresh=REFRESH)
    traced = False
    for stage in data.stages:
        if stage.gives in WITHOUT_TEXT or data.rows(stage.name).is_empty():
            continue
        if isinstance(stage.operator, PromptValues):  # of solutions without a word
            continue
        shown = replace(data, stage=stage)
        rows = listed(shown, most=LISTED).rows
        told = browsed(shown, rows)
        if not traced:  # A trace has the questions of all stages, so that one table's are enough.
            add_traces(told, rows, shown)
            traced = True
        texts = [told.texts[index] for index in told.prompts]
        texts += [told.texts[index] for side in told.sides.values() for index in side]
        assert all(map(str.strip, texts)), f"{name}/{stage.name} has a row without its text"
        assert "not stored" not in texts, f"{name}/{stage.name} has a row without its text"
