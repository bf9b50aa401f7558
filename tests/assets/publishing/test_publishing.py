"""The field ``publish``: an export after each run, checked before anybody sees it."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from transformers import AutoModelForCausalLM

from assets.config.errors import FactoryError
from assets.definitions import build_definitions
from assets.export.hub import HubUnavailableError
from assets.export.writer import Exported
from assets.publishing.asset import published_key
from assets.publishing.checks import ExportCheckError, check_export
from assets.publishing.publish import publish
from tests.assets.conftest import STAGES, Workshop, new_workshop
from tests.assets.hub_server import Hub
from tests.assets.models.test_models import PAIRS, TRAIN, VALIDATE

PAIRED = {name: STAGES[name] for name in ("responses", "pairs")}
REPO = "me/mixed"


@pytest.fixture
def paired(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A factory with a tiny model."""
    return new_workshop(tmp_path, tiny_model, monkeypatch)


def test_a_run_exports_its_recipe_and_the_datasets_that_it_adds_to(paired: Workshop) -> None:
    paired.recipe("mine", PAIRED, publish="out/mine")
    paired.dataset("mixed", of=["mine"], held_out=0.0, deduplicate=None, publish="out/mixed")
    folders = [paired.folder / "out" / name for name in ("mine", "mixed")]
    counts = []
    for refresh in ("2026-11-01", "2026-11-02"):
        done = paired.run("mine", refresh)
        assert done.published == {
            "mine": (str(folders[0]), True),
            "datasets/mixed": (str(folders[1]), True),
        }
        counts.append([pl.read_parquet(each / "data" / "*.parquet").height for each in folders])
    assert [after > before > 0 for before, after in zip(*counts, strict=True)] == [True, True]


def test_an_export_waits_for_the_training_that_its_card_tells_of(paired: Workshop) -> None:
    paired.recipe("mine", STAGES, publish="out/mine")
    graph = build_definitions(paired.project(), ["mine"]).resolve_asset_graph()
    before = graph.get(published_key("mine")).parent_keys
    assert {key.path[-1] for key in before} == set(STAGES)


def test_the_hub_gets_one_commit_and_none_if_nothing_changed(paired: Workshop, hub: Hub) -> None:
    paired.recipe("mine", PAIRED)
    to = {"to": f"hf://datasets/{REPO}", "format": "preference"}
    paired.dataset("mixed", of=["mine"], held_out=0.0, publish=to)
    paired.run("mine", "2026-11-01")
    assert hub.repos[REPO].private
    commits = len(hub.repos[REPO].commits)
    again = paired.run("mine", "2026-11-01")
    assert len(hub.repos[REPO].commits) == commits
    assert again.published == {"datasets/mixed": (f"{hub.url}/datasets/{REPO}", False)}


@pytest.mark.parametrize("promoted", [True, False])
def test_a_model_is_exported_if_its_version_is_promoted(
    paired: Workshop, monkeypatch: pytest.MonkeyPatch, promoted: bool
) -> None:
    paired.recipe("made", PAIRS, rows=12)
    paired.dataset("pairs", of=["made"], held_out=0.3, deduplicate=None)
    paired.model(
        "assistant", train={"dpo": TRAIN}, validate={"tasks": VALIDATE}, publish="out/assistant"
    )
    monkeypatch.setattr("assets.models.run._worse", lambda _: None if promoted else "it is worse")
    paired.run("made", "2026-11-01")
    version = paired.train("assistant")
    folder = paired.folder / "out" / "assistant"
    assert (folder.is_dir(), bool(version.promoted)) == (promoted, promoted)
    if promoted:
        AutoModelForCausalLM.from_pretrained(folder)


def test_a_hub_that_is_down_is_a_failure_that_may_pass(
    paired: Workshop, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.export.hub.PATIENCE", 0.0)
    paired.recipe("mine", PAIRED)
    paired.run("mine", "2026-11-01")
    hub.fail("GET", ".*", 503, times=99)
    with pytest.raises(HubUnavailableError):
        publish(paired.project(), "mine", f"hf://datasets/{REPO}")


def test_what_is_wrong_with_an_export_is_found_before_it_replaces_the_last(
    paired: Workshop,
) -> None:
    paired.recipe("mine", PAIRED)
    paired.run("mine", "2026-11-01")
    folder = paired.folder / "out"
    exported = publish(paired.project(), "mine", str(folder)).exported
    with pytest.raises(ExportCheckError, match=r"check 'files': default has .* rows"):
        check_export(folder, "dataset", Exported(exported.rows + 1, "pairs", 0, 0))
    card = folder / "README.md"
    text = card.read_text()
    card.write_text(text.replace("license:", "licence:", 1))
    with pytest.raises(ExportCheckError, match="check 'card': the front matter names no licence"):
        check_export(folder, "dataset", exported)
    card.write_text(text)
    for file in (folder / "data").iterdir():
        file.unlink()
    with pytest.raises(ExportCheckError, match="check 'card': no file matches"):
        check_export(folder, "dataset", exported)


def test_an_export_has_checks_and_lies_downstream(paired: Workshop) -> None:
    paired.recipe("mine", PAIRED, publish="out")
    graph = build_definitions(paired.project()).resolve_asset_graph()
    key = published_key("mine")
    assert graph.get(key).parent_keys == {dg.AssetKey(["mine", name]) for name in PAIRED}
    assert {each.name for each in graph.asset_check_keys if each.asset_key == key} == {
        "card",
        "files",
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("hf://me/mixed", "field 'publish': 'hf://me/mixed' is not a dataset of the Hub"),
        ({"to": "out", "publc": True}, "field 'publish.publc'"),
        ({"format": "preference"}, "field 'publish.to'"),
    ],
)
def test_a_wrong_address_is_refused_with_its_field(
    workshop: Workshop, given: Any, told: str
) -> None:
    file = workshop.recipe("mine", PAIRED, publish=given)
    (refusal,) = [each for each in workshop.project().refusals if each.name == "mine"]
    assert str(file) in str(refusal.error)
    assert told in str(refusal.error)


def test_an_adapter_is_of_a_model(workshop: Workshop) -> None:
    with pytest.raises(FactoryError, match="name models/NAME"):
        publish(workshop.project(), "online_dpo", "out", adapter=True)
