"""Nights with a downstream model: the dataset grows, automation makes the model again, a worse
version is held back, and the next night starts from the promoted one."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.automation.new_data import SENSOR
from assets.definitions import build_definitions
from assets.project.project import load_project
from assets.storage.model_versions import ModelVersion, ModelVersions
from assets.storage.tables import Tables
from tests.assets.conftest import new_workshop
from tests.assets.models.test_models import PAIRS, TRAIN, VALIDATE
from tests.checkout import ROLES

ASSISTANT = {"models/assistant/dpo", "models/assistant/tasks", "models/assistant"}


class Nights:
    """A recipe, its dataset and the model of that dataset, on one Dagster instance."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder = folder
        self.instance = instance
        self.cursor: Any = None
        self.promoted: Any = None

    def refresh(self, day: str) -> None:
        self._execute("made", partition_key=day)

    def requested(self) -> set[str]:
        """What the sensor of automation requests now."""
        result = dg.evaluate_automation_conditions(
            defs=self._definitions(), instance=self.instance, cursor=self.cursor
        )
        self.cursor = result.cursor
        return {
            key for key in ASSISTANT if result.get_requested_partitions(dg.AssetKey(key.split("/")))
        }

    def train(self) -> ModelVersion:
        """Make the model. A version that is held back fails no run, so that nobody is alerted."""
        result = self._execute("assistant")
        (self.promoted,) = (
            each
            for each in result.get_asset_check_evaluations()
            if each.asset_key == dg.AssetKey(["models", "assistant"])
        )
        return ModelVersions(self.folder / "data/models", "assistant").version()

    def models_asked(self, day: str) -> set[str]:
        """The models that wrote the responses of a refresh."""
        table = Tables(self.folder / "data").read(("made", "responses"), day)
        return set(table["origin"].struct.field("model"))

    def _execute(self, job: str, **options: Any) -> dg.ExecuteInProcessResult:
        job_def = self._definitions().resolve_job_def(job)
        return job_def.execute_in_process(instance=self.instance, **options)

    def _definitions(self) -> dg.Definitions:
        return build_definitions(load_project(), ["made"], ["assistant"])


def test_three_nights(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop = new_workshop(tmp_path, tiny_model, monkeypatch)
    workshop.recipe("made", PAIRS, rows=12)
    workshop.dataset("pairs", of=["made"], held_out=0.2, deduplicate=None)
    workshop.model("assistant", train={"dpo": TRAIN}, validate={"tasks": VALIDATE})
    bound = {"model": "models/assistant", "initial": str(tiny_model), "profile": "pocket"}
    others = {"model": str(tiny_model), "profile": "pocket"}
    workshop.configure(roles=dict.fromkeys(ROLES, others) | {"policy": bound})
    with dg.DagsterInstance.ephemeral() as instance:
        nights = Nights(tmp_path, instance)
        assert nights.requested() == set()

        nights.refresh("2026-11-11")
        assert nights.requested() == ASSISTANT
        one = nights.train()
        assert (one.number, one.promoted) == (1, True)
        assert nights.requested() == set()

        nights.refresh("2026-11-12")
        assert nights.models_asked("2026-11-12") != nights.models_asked("2026-11-11")
        assert nights.requested() == ASSISTANT
        with monkeypatch.context() as patch:
            patch.setattr("trainers.evaluation.metrics.regressed", lambda figures: True)
            two = nights.train()
        assert (two.number, two.promoted) == (2, False)
        assert not nights.promoted.passed
        assert nights.promoted.severity is dg.AssetCheckSeverity.WARN
        assert str(nights.promoted.description).startswith("held back: tasks: ")
        assert nights.requested() == set()

        # The third night starts where the second one did.
        nights.refresh("2026-11-13")
        assert nights.models_asked("2026-11-13") == nights.models_asked("2026-11-12")
        assert nights.requested() == ASSISTANT
        three = nights.train()
        assert (three.number, three.promoted) == (3, True)
        assert one.datasets["pairs"].version < three.datasets["pairs"].version

        # The same rows again are no new version.
        nights.refresh("2026-11-13")
        assert nights.requested() == set()


def test_the_sensor_is_off_until_it_is_switched_on(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop = new_workshop(tmp_path, tiny_model, monkeypatch)
    workshop.recipe("made", PAIRS)
    workshop.model("assistant", train={"dpo": TRAIN | {"of": "datasets/made"}})
    repository = build_definitions(load_project()).get_repository_def()
    sensor = repository.get_sensor_def(SENSOR)
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
