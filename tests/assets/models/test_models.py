"""Downstream models: what a version learns, when there is a new one, and what promotes it."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from assets.cli import app
from assets.config.errors import FactoryError
from assets.models import open_version
from assets.project.find_rows import model_name
from assets.storage.dataset_versions import Versions
from assets.storage.model_versions import ModelVersions
from assets.storage.tables import Tables
from schemas import Operator
from tests.assets.conftest import STAGES, Workshop, new_workshop
from tests.assets.models.recorded import LEARNED
from tests.checkout import ROLES

TRAIN = {"use": "trainers.DPO", "of": "datasets/pairs", "learning_rate": 1e-3}
VALIDATE = {"use": "trainers.Validate", "of": "held_out", "samples": 0, "max_tokens": 8}
PAIRS = {name: STAGES[name] for name in ("responses", "pairs")}


@pytest.fixture
def declared(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A factory with a recipe that makes pairs, and a curated dataset of them."""
    workshop = new_workshop(tmp_path, tiny_model, monkeypatch)
    workshop.recipe("made", PAIRS, rows=12)
    workshop.dataset("pairs", of=["made"], held_out=0.3, deduplicate=None)
    return workshop


@pytest.fixture
def factory(declared: Workshop) -> Workshop:
    """The same after one refresh."""
    declared.run("made", "2026-11-01")
    return declared


def texts(rows: pl.DataFrame) -> set[str]:
    return {"\n".join(message["content"] for message in prompt) for prompt in rows["prompt"]}


def test_only_the_train_split_is_learned(factory: Workshop) -> None:
    recorded = TRAIN | {"use": "tests.assets.models.recorded.RecordedDPO"}
    held_out = {"use": "trainers.PreferenceAccuracy", "of": "datasets/pairs"}
    factory.model("assistant", train={"dpo": recorded}, validate={"held_out": held_out})
    LEARNED.clear()
    version = factory.train("assistant")
    versions = Versions(factory.folder / "data", "pairs")
    train, left_out = (versions.read(versions.version(), split) for split in ("train", "held_out"))
    assert left_out.height
    assert set(LEARNED) == texts(train)
    assert not set(LEARNED) & texts(left_out)
    assert version.datasets["pairs"].version == 1
    assert version.figures["held_out"]["pairs"] == left_out.height


def test_nothing_held_out_is_nothing_measured(factory: Workshop) -> None:
    factory.dataset("all", of=["made"], held_out=0, deduplicate=None)
    factory.run("made", "2026-11-01")
    ranked = {"use": "trainers.PreferenceAccuracy", "of": "datasets/all"}
    on_prompts = {"use": "trainers.Validate", "of": "datasets/all", "samples": 0}
    train = TRAIN | {"of": "datasets/all"}
    factory.model("assistant", train={"dpo": train}, validate={"a": ranked, "b": on_prompts})
    version = factory.train("assistant")
    assert not version.promoted
    assert version.reason == "a: nothing was measured; b: nothing was measured"


def test_a_prompt_that_another_dataset_holds_out_is_not_learned(factory: Workshop) -> None:
    factory.dataset("all", of=["made"], held_out=0, deduplicate=None)
    factory.run("made", "2026-11-01")
    recorded = TRAIN | {"use": "tests.assets.models.recorded.RecordedDPO", "of": "datasets/all"}
    factory.model("assistant", train={"dpo": recorded, "last": TRAIN}, gate="none")
    LEARNED.clear()
    factory.train("assistant")
    versions = Versions(factory.folder / "data", "pairs")
    held_out = versions.read(versions.version(), "held_out")
    assert LEARNED
    assert not set(LEARNED) & texts(held_out)
    dropped = pl.read_parquet(factory.folder / "data/tables/models/assistant/dpo.dropped.parquet")
    assert dropped["reason"].unique().to_list() == ["its prompt is held out in datasets/pairs"]
    assert set(dropped["row_id"]) == set(held_out["pair_id"])


def test_a_parameter_that_operators_got_since_makes_no_new_version(
    factory: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def earlier(operator: Operator) -> dict[str, Any]:
        return {name: value for name, value in now(operator).items() if name != "tolerance"}

    now = open_version._parameters
    factory.model("assistant", train={"dpo": TRAIN}, validate={"tasks": VALIDATE})
    with monkeypatch.context() as patch:
        patch.setattr(open_version, "_parameters", earlier)
        first = factory.train("assistant")
    assert factory.train("assistant") == first
    # Nor does another number of devices, which changes no weights.
    two = TRAIN | {"devices": 2}
    factory.model("assistant", train={"dpo": two}, validate={"tasks": VALIDATE})
    assert factory.train("assistant") == first
    changed = VALIDATE | {"tolerance": 0.5}
    factory.model("assistant", train={"dpo": TRAIN}, validate={"tasks": changed})
    assert factory.train("assistant").number == 2


def test_a_version_for_each_set_of_inputs(factory: Workshop) -> None:
    file = factory.model("assistant", train={"dpo": TRAIN}, validate={"tasks": VALIDATE})
    first = factory.train("assistant")
    assert factory.train("assistant") == first
    factory.run("made", "2026-11-02")
    second = factory.train("assistant")
    assert (second.number, second.datasets["pairs"].version) == (2, 2)
    file.write_text(file.read_text().replace("datasets/pairs", "datasets/pairs@1"))
    pinned = factory.train("assistant")
    assert (pinned.number, pinned.datasets["pairs"].version) == (3, 1)
    # The same rows, parameters, seed and start give the same weights.
    assert weights(pinned.path) == weights(first.path)


def test_each_stage_starts_from_the_last_one(factory: Workshop) -> None:
    stages = {"first": TRAIN, "second": TRAIN | {"learning_rate": 2e-3}}
    factory.model("assistant", train=stages, gate="none", seeds=2)
    version = factory.train("assistant")
    assert version.seeds == (0, 1)
    for number in (0, 1):
        assert version.trained["first"][number]["start"] == version.start
        assert (
            version.trained["second"][number]["start"] == version.trained["first"][number]["path"]
        )
    assert version.path == version.trained["second"][0]["path"]
    assert len({weights(row["path"]) for row in version.trained["second"]}) == 2


def test_nothing_measured_is_not_promoted(factory: Workshop) -> None:
    factory.model("assistant", train={"dpo": TRAIN})
    version = factory.train("assistant")
    assert version.promoted is False
    assert version.reason == "nothing was measured"
    assert ModelVersions(factory.folder / "data/models", "assistant").promoted() == []


def test_a_worse_version_is_held_back(factory: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    factory.model("assistant", train={"dpo": TRAIN}, validate={"tasks": VALIDATE})
    monkeypatch.setattr("trainers.evaluation.metrics.regressed", lambda figures: True)
    version = factory.train("assistant")
    assert version.promoted is False
    assert str(version.reason).startswith("tasks: ")
    again = CliRunner().invoke(app, ["train", "assistant"])
    assert again.exit_code == 0, again.output
    assert "held back: tasks: " in again.output


def test_a_role_has_the_newest_promoted_version(factory: Workshop, tiny_model: Path) -> None:
    factory.model("assistant", train={"dpo": TRAIN}, validate={"tasks": VALIDATE}, gate="none")
    bound = {"model": "models/assistant", "initial": str(tiny_model), "profile": "pocket"}
    factory.configure(roles=dict.fromkeys(ROLES, bound))
    settings = factory.project().settings
    assert settings.bindings()["policy"].model == str(tiny_model)
    version = factory.train("assistant")
    assert version.start == str(tiny_model)
    assert settings.bindings()["judge"].model == version.path
    assert settings.bindings(before="2026-11-01")["policy"].model == str(tiny_model)
    factory.run("made", "2026-11-02")
    tables = Tables(factory.folder / "data")
    before, after = (
        set(tables.read(("made", "responses"), day)["origin"].struct.field("model"))
        for day in ("2026-11-01", "2026-11-02")
    )
    assert len(after) == 1
    assert after != before
    # The next version starts from the initial weights, not from the last version.
    second = factory.train("assistant")
    assert (second.number, second.start) == (2, str(tiny_model))
    later = settings.policies(before="2026-11-03")
    assert later is not None
    assert later["policy"].model == second.path
    assert later["policy@previous"].model == version.path
    assert later["policy@initial"].model == str(tiny_model)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "dataset": ({"train": {"dpo": TRAIN | {"of": "datasets/pair"}}}, "did you mean 'pairs'"),
    "no dataset": ({"train": {"dpo": TRAIN | {"of": "held_out"}}}, "datasets/NAME"),
    "table": ({"train": {"sft": TRAIN | {"use": "trainers.SFT"}}}, "takes Demonstrations"),
    "trainer": (
        {"train": {"dpo": {"use": "filters.Deduplicate", "of": "datasets/pairs"}}},
        "trainer",
    ),
    "parameter": ({"train": {"dpo": TRAIN | {"betta": 1}}}, "did you mean 'beta'"),
    "start": ({"start": "polcy", "train": {"dpo": TRAIN}}, "did you mean 'policy'"),
    "itself": ({"start": "models/assistant", "train": {"dpo": TRAIN}}, "start from each other"),
    "source": (
        {"train": {"dpo": TRAIN}, "validate": {"tasks": VALIDATE | {"of": "pocket"}}},
        "there is no fixed source 'pocket'",
    ),
    "validation": ({"train": {"dpo": TRAIN}, "validate": {"dpo2": TRAIN}}, "does not validate"),
    "empty": ({"train": {}}, "at least one training stage"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_declarations(declared: Workshop, case: str) -> None:
    attributes, problem = WRONG[case]
    file = declared.model("assistant", **attributes)
    project = declared.project()
    (refusal,) = (each for each in project.refusals if each.name == "assistant")
    assert re.search(problem, str(refusal.error))
    assert str(file) in str(refusal.error)
    # It stops nothing else.
    assert "made" in project.recipes
    with pytest.raises(FactoryError, match=problem):
        model_name(project, "assistant")


def weights(folder: str) -> bytes:
    return (Path(folder) / "model.safetensors").read_bytes()
