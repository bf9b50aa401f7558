"""Ablations: which trainings are made, at which steps, and what a user is told of them."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assets.cli import app
from assets.config.errors import FactoryError
from assets.models.ablation.ablate import ablate, stored
from assets.models.ablation.plan import AblationPlan, plan_ablation
from assets.models.ablation.variants import By
from assets.models.card import model_card
from assets.storage.ablations import folder_of
from assets.storage.model_versions import ModelVersions
from tests.assets.conftest import Workshop, new_workshop
from tests.assets.models.test_models import PAIRS, TRAIN, VALIDATE
from trainers.training.checkpoint_folder import TrainedFolder

BALANCED = {"use": "filters.LengthBias", "of": "all"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Workshop:
    """A factory with a model, trained with two seeds on the pairs of two recipes."""
    with pytest.MonkeyPatch.context() as patch:
        workshop = new_workshop(tmp_path_factory.mktemp("factory"), tiny_model, patch)
        workshop.recipe("one", PAIRS, rows=16)
        stages = {"responses": PAIRS["responses"], "all": PAIRS["pairs"], "pairs": BALANCED}
        workshop.recipe("other", stages, rows=16, seed=7)
        workshop.dataset("both", of=["one", "other"], held_out=0.2)
        train = {"dpo": TRAIN | {"of": "datasets/both", "batch_size": 8}}
        workshop.model("assistant", train=train, validate={"tasks": VALIDATE}, gate="none", seeds=2)
        workshop.run("one", "2026-11-01")
        workshop.run("other", "2026-11-01")
        workshop.train("assistant")
        return workshop


@pytest.fixture
def factory(trained: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    trained.enter(monkeypatch)
    return trained


def planned(factory: Workshop, by: By) -> AblationPlan:
    return plan_ablation(factory.project(), "assistant", by)


def quiet(line: str) -> None:
    """Takes a line of an ablation."""


def test_by_recipe(factory: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    publish = TrainedFolder.publish

    def recorded(self: TrainedFolder, record: dict[str, Any]) -> None:
        steps.append(record["steps"])
        publish(self, record)

    monkeypatch.setattr(TrainedFolder, "publish", recorded)
    plan = planned(factory, "recipe")
    # Without one of two recipes is only the other one, so it is trained once.
    assert [each.name for each in plan.variants] == [
        "without one, only other",
        "without other, only one",
    ]
    assert [set(each.rows["dpo"]["recipe"]) for each in plan.variants] == [{"other"}, {"one"}]
    assert stored(plan) is None
    lines: list[str] = []
    found = ablate(plan, lines.append)
    assert len(lines) == 3 * len(found.seeds)
    whole, *others = found.variants
    version = ModelVersions(factory.folder / "data/models", "assistant").version()
    assert found.steps == {"dpo": version.trained["dpo"][0]["steps"]}
    assert steps == [found.steps["dpo"]] * plan.trainings
    for each in others:
        assert each.rows["dpo"] < whole.rows["dpo"]
        assert each.epochs["dpo"] > whole.epochs["dpo"] >= 1
        effect = each.measured["tasks"].effect
        assert effect is not None
        assert effect.low <= effect.mean <= effect.high
        assert len(effect.seeds) == 2
    assert stored(planned(factory, "recipe")) == found
    # It is part of the report of the dataset, and of the card of the model.
    page = factory.folder / "both.html"
    printed = CliRunner().invoke(app, ["report", "datasets/both", "--out", str(page)])
    assert printed.exit_code == 0, printed.output
    assert "without one, only other" in page.read_text()
    project = factory.project()
    card = str(model_card(project, project.models["assistant"], version, "me/assistant"))
    assert "| without one, only other |" in card


def test_a_smaller_share_of_the_rows_is_a_part_of_a_larger_one(factory: Workshop) -> None:
    plan = planned(factory, "size")
    ids = [set(each.rows["dpo"]["pair_id"]) for each in (*plan.variants, plan.whole)]
    assert all(one < other for one, other in itertools.pairwise(ids))
    assert len(ids[-2]) == len(ids[-1]) // 2


def test_an_interrupted_ablation_goes_on(factory: Workshop) -> None:
    plan = planned(factory, "filter")
    (variant,) = [each for each in plan.variants if plan.learns(each)]
    assert variant.left_out == "LengthBias (other/pairs)"
    folder = folder_of(factory.folder / "data/models", "assistant", 1, "filter")

    def stop(line: str) -> None:
        if list(folder.rglob("training.json")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ablate(plan, stop)
    (record,) = folder.rglob("training.json")
    written = record.stat().st_mtime_ns
    again: list[int] = []
    ablate(plan, lambda line: again.append(record.stat().st_mtime_ns))
    assert set(again) == {written}
    # The weights of variants are not kept, their figures are.
    assert not folder.exists()
    assert stored(planned(factory, "filter")) is not None


def test_without_a_filter_are_the_rows_that_it_dropped(factory: Workshop) -> None:
    plan = planned(factory, "filter")
    everything = plan.whole.rows["dpo"]
    names = {each.name: each for each in plan.variants}
    unbalanced = names["without LengthBias (other/pairs)"].rows["dpo"]
    assert set(everything["pair_id"]) < set(unbalanced["pair_id"])
    others = [each for each in plan.variants if not plan.learns(each)]
    # Neither of the others drops a row here, so there is nothing to train.
    assert [each.name for each in others] == ["without Deduplicate, without Decontaminate"]


def test_a_model_that_was_not_trained_as_declared_is_refused(
    factory: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = factory.project()
    monkeypatch.setitem(
        project.models, "assistant", replace(project.models["assistant"], seeds=(5, 6))
    )
    with pytest.raises(FactoryError, match="factory train assistant"):
        plan_ablation(project, "assistant", "recipe")


def test_nothing_to_leave_out_is_refused(factory: Workshop) -> None:
    with pytest.raises(FactoryError, match="one source only"):
        planned(factory, "source")


def test_only_the_plan_is_printed(factory: Workshop) -> None:
    models = factory.folder / "data/models/assistant/ablations"
    before = sorted(models.rglob("*"))
    printed = CliRunner().invoke(app, ["ablate", "models/assistant", "--by", "size", "--plan"])
    assert printed.exit_code == 0, printed.output
    assert "estimated" in printed.output
    assert sorted(models.rglob("*")) == before
