"""Which versions of downstream models keep their weights."""

from pathlib import Path

import dagster as dg
import pytest

from assets.execution.instance import home
from assets.maintenance.retention import prunable, prune
from assets.storage.model_versions import ModelVersion, ModelVersions, TrainedOn
from tests.assets.conftest import STAGES, Workshop
from tests.assets.models.test_models import TRAIN


@pytest.fixture
def factory(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A project with two models and no version of them."""
    monkeypatch.delenv("DAGSTER_PG_URL", raising=False)
    workshop.recipe("made", {name: STAGES[name] for name in ("responses", "pairs")})
    workshop.dataset("pairs", of=["made"])
    for name in ("assistant", "later"):
        workshop.model(name, train={"dpo": TRAIN}, gate="none")
    return workshop


def version(
    factory: Workshop, name: str, number: int, *, promoted: bool = True, start: str = "base"
) -> str:
    """A finished version with weights; its folder."""
    versions = ModelVersions(factory.folder / "data/models", name)
    refresh = f"2026-01-{number:02}"
    opened = versions.open(
        ModelVersion(
            number=0,
            digest=f"{name} {number}",
            made=f"{refresh}T00:00:00+00:00",
            start=start,
            revision="sha:0",
            datasets={"pairs": TrainedOn(number, str(number), refresh)},
            parameters={},
            seeds=(0,),
        )
    )
    path = versions.checkpoints(opened.number) / "seed-0" / "dpo"
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"0" * 100)
    trained = {"dpo": [{"path": str(path), "start": start}]}
    versions.promote(versions.record(opened.number, trained=trained, promoted=promoted))
    return str(path)


def left(factory: Workshop, name: str, keep: int) -> list[int]:
    """The versions with weights after old ones are pruned."""
    home()
    with dg.DagsterInstance.get() as instance:
        prune(
            instance,
            prunable(
                factory.project(), instance, keep_refreshes=1, keep_days=30, keep_versions=keep
            ),
        )
    folder = factory.folder / "data/models" / name
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def test_the_newest_versions_and_what_roles_have_stay(factory: Workshop) -> None:
    for number, promoted in enumerate((True, True, True, False, False, False), start=1):
        version(factory, "assistant", number, promoted=promoted)
    # Versions 2 and 3 are policy@previous and policy, however many were held back since.
    assert left(factory, "assistant", keep=2) == [2, 3, 5, 6]
    assert ModelVersions(factory.folder / "data/models", "assistant").numbers() == [*range(1, 7)]


def test_what_a_kept_version_starts_from_stays(factory: Workshop) -> None:
    first, *_ = [version(factory, "assistant", number) for number in range(1, 5)]
    version(factory, "later", 1, start=first)
    assert left(factory, "assistant", keep=1) == [1, 3, 4]


def test_versions_that_a_kept_refresh_may_start_from_stay(
    factory: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "assets.storage.tables.Tables.refreshes",
        lambda tables, key: ["2026-01-02", "2026-01-04"] if key[1] == "prompts" else [],
    )
    for number in range(1, 8):
        version(factory, "assistant", number)
    # At 2026-01-04 a role has the promoted versions of before that day, the last two of them.
    assert left(factory, "assistant", keep=1) == [2, 3, 4, 5, 6, 7]


def test_weights_that_a_role_is_bound_to_stay(
    factory: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = [version(factory, "assistant", number) for number in range(1, 5)]
    monkeypatch.setenv("FACTORY_ROLES__JUDGE__MODEL", str(Path(first)))
    assert left(factory, "assistant", keep=1) == [1, 3, 4]
