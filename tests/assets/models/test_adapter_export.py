"""The adapter of a model trained with LoRA: exported alone, it answers as the merged weights."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from assets.cli import app
from assets.config.errors import FactoryError
from assets.export.writer import in_folder
from assets.models.export import model_writer
from tests.assets.conftest import Workshop, new_workshop
from tests.assets.models.test_models import PAIRS, TRAIN

peft = pytest.importorskip("peft")

LORA = TRAIN | {"learning_rate": 0.02, "lora": {"rank": 4}}


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Workshop]:
    with pytest.MonkeyPatch.context() as patch:
        workshop = new_workshop(tmp_path_factory.mktemp("adapters"), tiny_model, patch)
        workshop.recipe("made", PAIRS, rows=12)
        workshop.dataset("pairs", of=["made"], held_out=0, deduplicate=None)
        workshop.model("small", train={"dpo": LORA}, gate="none")
        workshop.model("whole", train={"dpo": TRAIN}, gate="none")
        workshop.model("chain", train={"first": TRAIN, "dpo": LORA}, gate="none")
        workshop.run("made", "2026-11-01")
        yield workshop


def test_base_and_adapter_answer_as_the_merged_weights(factory: Workshop, tmp_path: Path) -> None:
    version = factory.train("small")
    folder = tmp_path / "adapter"
    for _ in range(2):  # An export replaces an earlier one.
        in_folder(model_writer(factory.project(), "small", adapter=True), folder)
    names = {file.name for file in folder.iterdir()}
    assert names == {"README.md", "adapter_config.json", "adapter_model.safetensors"}
    start = AutoModelForCausalLM.from_pretrained(version.start)
    asked = AutoTokenizer.from_pretrained(version.start)("1 + 2 =", return_tensors="pt")
    with torch.no_grad():
        before = start(**asked).logits
        both = peft.PeftModel.from_pretrained(start, folder)
        after = both(**asked).logits
        merged = AutoModelForCausalLM.from_pretrained(version.path)(**asked).logits
    torch.testing.assert_close(after, merged, rtol=1e-4, atol=1e-4)
    assert (before - merged).abs().max() > 1e-2
    card = ModelCard.load(folder / "README.md")
    assert card.data.library_name == "peft"
    assert version.revision in card.text
    assert "PeftModel.from_pretrained" in card.text
    base = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert base == Path(version.start).name


def test_the_whole_export_has_no_adapter(factory: Workshop, tmp_path: Path) -> None:
    factory.train("small")
    in_folder(model_writer(factory.project(), "small"), tmp_path / "whole")
    assert "model.safetensors" in {file.name for file in (tmp_path / "whole").iterdir()}
    assert not list((tmp_path / "whole").rglob("adapter*"))


@pytest.mark.parametrize(
    ("name", "says"),
    [("whole", "trains all weights"), ("chain", "the checkpoint of stage 'first'")],
)
def test_what_has_no_adapter_of_its_own_is_refused(
    name: str, says: str, factory: Workshop, tmp_path: Path
) -> None:
    factory.train(name)
    write = model_writer(factory.project(), name, adapter=True)
    with pytest.raises(FactoryError, match=says):
        in_folder(write, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_dataset_has_no_adapter(factory: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTORY_CONFIG", str(factory.folder / "factory.yaml"))
    done = CliRunner().invoke(app, ["export", "datasets/pairs", "out", "--adapter"])
    assert done.exit_code == 1
    assert "--adapter" in done.output
