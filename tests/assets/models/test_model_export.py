"""An exported model: a folder or a repository that loads as the checkpoint does, with its card."""

import json
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
import yaml
from huggingface_hub import ModelCard, snapshot_download
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from assets.cli import app
from assets.config.errors import FactoryError
from assets.export.writer import in_folder, on_hub
from assets.factory import Factory
from assets.judging import words
from assets.judging.bench import Measured as Judged
from assets.judging.figures import GroupFigures, RoleFigures
from assets.judging.kept import keep_figures, kept_figures
from assets.models.card import model_card
from assets.models.export import model_writer
from assets.project.project import Project
from assets.storage.ablations import Ablation, Interval, Measured, VariantResult, write_ablation
from assets.storage.model_versions import ModelVersion, ModelVersions
from assets.storage.published import Publication, publications, record_publication
from pocket import TEMPLATES
from tests.assets.conftest import new_workshop
from tests.assets.hub_server import TOKEN, Hub
from tests.assets.models.test_models import PAIRS, TRAIN, VALIDATE


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path
) -> tuple[Project, ModelVersion]:
    """A project with a trained model."""
    with pytest.MonkeyPatch.context() as patch:
        workshop = new_workshop(tmp_path_factory.mktemp("models"), tiny_model, patch)
        workshop.recipe("made", PAIRS, rows=12)
        workshop.dataset("pairs", of=["made"], held_out=0.3, deduplicate=None)
        stages = {"dpo": TRAIN | {"epochs": 3}}
        workshop.model("assistant", train=stages, validate={"tasks": VALIDATE}, seeds=2)
        workshop.run("made", "2026-11-01")
        return workshop.project(), workshop.train("assistant")


def logits(folder: str | Path) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "How many are 2 and 3?"}],
        add_generation_prompt=True,
        tokenize=False,
    )
    with torch.no_grad():
        found: torch.Tensor = model(**tokenizer(text, return_tensors="pt")).logits
    return found


def greedy(folder: str | Path) -> list[int]:
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    asked = tokenizer("How many are 2 and 3?", return_tensors="pt")
    found: list[int] = model.generate(**asked, max_new_tokens=12, do_sample=False)[0].tolist()
    return found


def test_a_folder_loads_as_the_checkpoint(
    trained: tuple[Project, ModelVersion], tmp_path: Path
) -> None:
    project, version = trained
    folder = tmp_path / "assistant"
    in_folder(model_writer(project, "assistant"), folder)
    assert torch.equal(logits(folder), logits(version.path))
    assert greedy(folder) == greedy(version.path)
    names = {file.name for file in folder.iterdir()}
    assert {"README.md", "model.safetensors", "config.json", "tokenizer.json"} <= names
    assert "training.json" not in names
    # No path of this machine leaves it.
    texts = [file.read_text() for file in folder.iterdir() if file.suffix in (".json", ".md")]
    assert not any(str(project.settings.folder) in text for text in texts)
    # An export replaces an earlier one, and nothing else.
    in_folder(model_writer(project, "assistant"), folder)
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(FactoryError, match="no export wrote"):
        in_folder(model_writer(project, "assistant"), folder)


def test_the_card_says_what_happened(trained: tuple[Project, ModelVersion], tmp_path: Path) -> None:
    project, version = trained
    in_folder(model_writer(project, "assistant"), tmp_path / "assistant")
    card = ModelCard.load(tmp_path / "assistant" / "README.md")
    assert card.data.library_name == "transformers"
    assert "preference-factory" in card.data.tags
    assert (card.data.license, card.data.license_link) == ("other", "README.md#licences")
    (result,) = card.data.eval_results
    assert result.metric_value == version.figures["tasks"]["after"]
    for said in (
        f"Version {version.number}",
        version.revision,
        version.datasets["pairs"].digest,
        "The licence of source tiny-model",
        "factory train assistant",
        "type: assets.Model",
        "of: datasets/pairs",
        "95 % interval",
    ):
        assert said.replace("tiny-model", Path(version.start).name) in card.text


def test_what_was_not_measured_is_neither_passed_nor_failed(
    trained: tuple[Project, ModelVersion],
) -> None:
    project, version = trained
    card = model_card(project, project.models["assistant"], replace(version, figures={}), "out")
    assert card.data.eval_results is None
    assert "tasks would find: not measured" in card.text
    assert "better or worse than its start: not measured" in card.text


def test_each_task_of_the_harness_is_a_result(trained: tuple[Project, ModelVersion]) -> None:
    project, version = trained
    interval = {"before": 0.25, "after": 0.5, "difference": 0.25, "low": 0.1, "high": 0.4}
    task = {"metric": "acc", "items": 20, **interval}
    figures = {"by": "tasks", "items": 20, **interval, "tasks": {"arithmetic": task}}
    measured = replace(version, figures={"tasks": figures})
    card = model_card(project, project.models["assistant"], measured, "out")
    (result,) = card.data.eval_results
    assert (result.dataset_type, result.metric_type, result.metric_value) == (
        "arithmetic",
        "acc",
        0.5,
    )


def test_the_card_links_to_published_data_and_shows_ablations(
    trained: tuple[Project, ModelVersion],
) -> None:
    project, version = trained
    plan = project.models["assistant"]
    before = model_card(project, plan, version, "out")
    assert before.data.datasets is None
    assert "What each part of the data adds: not measured" in before.text
    root = project.settings.root_path
    told = Publication(1, "me/pairs", "https://hub.example/datasets/me/pairs", "0a1b2c")
    record_publication(root, "datasets/pairs", told)
    record_publication(root, "datasets/pairs", Publication(2, "me/later", "https://x.example", "1"))
    gain, effect = Interval(0.2, 0.1, 0.3, (0.2,)), Interval(-0.1, -0.2, -0.05, (-0.1,))
    variants = [
        VariantResult("all", None, {"dpo": 8}, {"dpo": 1.0}, False, {"tasks": measured})
        for measured in (Measured("check", 4, 0.1, gain), Measured("check", 4, 0.1, gain, effect))
    ]
    without = replace(variants[1], name="without <b>made</b>", left_out="<b>made</b>")
    ablation = Ablation(
        "assistant", 1, "recipe", "d", "now", {"pairs": 1}, (0,), {"dpo": 2}, [variants[0], without]
    )
    write_ablation(project.settings.models_path, ablation)
    card = model_card(project, plan, version, "out")
    assert card.data.datasets == ["me/pairs"]
    assert "(https://hub.example/datasets/me/pairs) at `0a1b2c`" in card.text
    assert "-10.0 points" in card.text
    assert "<b>" not in card.text


def test_paths_in_parameters_stay_here(trained: tuple[Project, ModelVersion]) -> None:
    project, version = trained
    parameters = {**version.parameters, "tasks": {"include": "/home/me/tasks", "tasks": ["/a/b"]}}
    changed = replace(version, parameters=parameters)
    text = model_card(project, project.models["assistant"], changed, "out").text
    # The version was made with other parameters than are declared now.
    assert "has changed since" in text
    assert "/home/me" not in text
    assert "/a/" not in text


def test_a_copy_of_the_hub_loads(
    trained: tuple[Project, ModelVersion], hub: Hub, tmp_path: Path
) -> None:
    project, version = trained
    write = model_writer(project, "assistant")
    _, published = on_hub(write, "me/assistant", public=False, of="models/assistant", kind="model")
    assert published.changed
    assert not published.public
    assert hub.repos["me/assistant"].private
    again = on_hub(write, "me/assistant", public=False, of="models/assistant", kind="model")[1]
    assert not again.changed
    copy = snapshot_download("me/assistant", token=TOKEN, cache_dir=tmp_path, endpoint=hub.url)
    assert torch.equal(logits(copy), logits(version.path))


def test_trl_trains_on_from_it(trained: tuple[Project, ModelVersion], tmp_path: Path) -> None:
    trl = pytest.importorskip("trl")
    from datasets import Dataset

    project, _ = trained
    in_folder(model_writer(project, "assistant"), tmp_path / "assistant")
    rows: list[dict[str, Any]] = [{"prompt": "1 + 1 =", "completion": "2"}] * 2
    arguments = trl.SFTConfig(
        output_dir=str(tmp_path / "out"), use_cpu=True, report_to="none", max_steps=1, bf16=False
    )
    trainer = trl.SFTTrainer(
        str(tmp_path / "assistant"), args=arguments, train_dataset=Dataset.from_list(rows)
    )
    assert trainer.train().global_step == 1


def test_what_is_not_promoted_is_exported_only_by_its_number(
    trained: tuple[Project, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = trained
    monkeypatch.setattr("assets.storage.model_versions.ModelVersions.promoted", lambda versions: [])
    with pytest.raises(FactoryError, match="no version of models/assistant is promoted"):
        model_writer(project, "assistant")
    assert model_writer(project, "assistant", version=1)


def test_a_version_is_shown(
    trained: tuple[Project, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, version = trained
    monkeypatch.setenv("FACTORY_CONFIG", str(project.settings.folder / "factory.yaml"))
    shown = CliRunner().invoke(app, ["show", "models/assistant"])
    assert shown.exit_code == 0, shown.output
    assert "datasets/pairs, version 1" in shown.output
    versions = ModelVersions(project.settings.models_path, "assistant")
    versions.record(version.number, promoted=None)
    unfinished = CliRunner().invoke(app, ["show", "models/assistant", "--version", "1"])
    versions.record(version.number, promoted=version.promoted)
    assert "not finished" in unfinished.output
    missing = CliRunner().invoke(app, ["show", "models/assistant", "--version", "9"])
    assert missing.exit_code == 1
    assert "no version 9" in missing.output


def test_publishing_is_remembered_with_its_version(
    trained: tuple[Project, ModelVersion], hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, version = trained
    monkeypatch.setenv("FACTORY_CONFIG", str(project.settings.folder / "factory.yaml"))
    done = CliRunner().invoke(app, ["export", "models/assistant", "hf://me/remembered"])
    assert done.exit_code == 0, done.output
    (found,) = publications(project.settings.root_path, "models/assistant")
    assert (found.version, found.name) == (version.number, "me/remembered")
    assert found.commit == hub.repos["me/remembered"].head
    assert TOKEN not in hub.repos["me/remembered"].files["README.md"].decode()


def test_the_report_shows_validation_and_the_curves_of_each_seed(
    trained: tuple[Project, ModelVersion], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project, _ = trained
    monkeypatch.setenv("FACTORY_CONFIG", str(project.settings.folder / "factory.yaml"))
    place = tmp_path / "model.html"
    done = CliRunner().invoke(app, ["report", "models/assistant", "--out", str(place)])
    assert done.exit_code == 0, done.output
    page = place.read_text()
    for said in ("datasets/pairs, version 1", "loss over", "seed 0", "seed 1", "held-out accuracy"):
        assert said in page
    assert str(project.settings.folder) not in page


def test_a_trained_judge_is_bound_measured_and_exported_with_its_figures(
    trained: tuple[Project, ModelVersion], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project, version = trained
    file = project.settings.folder / "factory.yaml"
    told = yaml.safe_load(file.read_text())
    try:
        # The shipped questions are too long for so small a model.
        judge = {**told["roles"]["policy"], "model": version.path, "templates": str(TEMPLATES)}
        file.write_text(yaml.safe_dump(told | {"roles": told["roles"] | {"judge": judge}}))
        monkeypatch.setenv("FACTORY_CONFIG", str(file))
        pairs = [
            {"prompt": f"Add {n} and 2", "chosen": f"{n + 2}", "rejected": f"{n + 3} it is"}
            for n in range(3)
        ]
        (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)))
        factory = Factory.open([])
        on = f"reward-bench={tmp_path / 'pairs.jsonl'}"
        measured = factory.judge_bench(["judge"], on, probes=True)
        (role,) = measured.roles
        assert role.groups[0].unread == 0
        assert role.model == version.path
        probes = {name: (passed, cases) for name, (passed, cases) in (role.probes or {}).items()}
        assert {*probes} == {"empty", "openers", "off topic", "contrast", "order swap"}
        assert all(0 <= passed <= cases == 3 for passed, cases in probes.values())
        # Measured again without probes, they stay.
        factory.judge_bench(["judge"], on)
        (kept,) = kept_figures(project.settings.root_path, version.path)
        assert kept.figures == role.groups[0]
        in_folder(model_writer(project, "assistant"), tmp_path / "out")
        card = (tmp_path / "out" / "README.md").read_text()
        (row,) = (
            unescape(line) for line in card.splitlines() if line.startswith("| reward-bench ")
        )
        figures = role.groups[0]
        for said in (
            f"{100 * figures.accuracy:.1f} [",
            f"{figures.flips:.1%}",
            words.share(figures.mass),
            f"empty {probes['empty'][0]} of 3",
        ):
            assert said in row, (said, row)
    finally:
        file.write_text(yaml.safe_dump(told))
        for each in (project.settings.root_path / "judged").glob("*.json"):
            each.unlink()


def test_the_card_of_a_judge_says_how_it_judges(trained: tuple[Project, ModelVersion]) -> None:
    project, version = trained
    assert "As a judge" not in str(model_card(project, project.models["assistant"], version, "."))
    table = pl.DataFrame({"item_id": ["one", "two"]})
    figures = GroupFigures(
        "all", "all", 2, 2, 0.75, 0.2, 0.9, 0.0, both=0.5, ties=0.0, flips=0.5, first_position=0.6
    )
    for model in (version.path, "another"):
        role = RoleFigures("judge", model, [figures], 4, 0)
        measured = Judged("reward-bench|", 2, {}, [role], {"judge": table})
        keep_figures(project.settings.root_path, measured, votes=None)
        # Measured again, it is the same row.
        keep_figures(project.settings.root_path, measured, votes=None)
    card = str(model_card(project, project.models["assistant"], version, "."))
    (row,) = (line for line in card.splitlines() if "reward-bench" in line)
    cells = [unescape(cell.strip()) for cell in row.replace("\\|", "").split("|")[1:-1]]
    assert cells[1:] == [
        "2",
        "by probability",
        "75.0 [20.0, 90.0]",
        "—",
        "50.0%",
        "50.0%",
        "60.0%",
        "0.0%",
        "0.0%",
        "—",
        "not run",
    ]
