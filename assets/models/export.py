"""Exports a model: safetensors, tokenizer, chat template and a card, into a folder or to the Hub.

    README.md            the card (`assets.models.card`)
    model.safetensors    and the other files of the checkpoint

or, of a model that was trained with LoRA, the adapter alone:

    README.md
    adapter_model.safetensors, adapter_config.json

The record of the training stays behind: it names folders of this machine.
"""

import json
import shutil
from functools import partial
from pathlib import Path

from assets.config.errors import FactoryError
from assets.export.writer import Exported, Writer
from assets.models.card import model_card, task_of
from assets.models.card_tables import model_label
from assets.project.project import Project
from assets.storage.model_versions import ModelVersion, ModelVersions
from trainers.training.checkpoint_folder import ADAPTER, RECORD

_CONFIG = "adapter_config.json"


def model_writer(
    project: Project, name: str, *, version: int | None = None, adapter: bool = False
) -> Writer:
    """A function that writes a version of a model into a folder.

    It is for `assets.export.writer.in_folder` and `assets.export.writer.on_hub`.

    Args:
        project: The project.
        name: The name of the model.
        version: The number of a version; by default the newest promoted one.
        adapter: Write only the LoRA adapter, without the weights that it is added to.

    Raises:
        FactoryError: No version is promoted, or there is no such version.
    """
    exported = exported_version(project, name, version)
    return partial(_write_adapter if adapter else _write, project, name, exported)


def exported_version(project: Project, name: str, number: int | None) -> ModelVersion:
    """The version of a model that an export takes.

    Raises:
        FactoryError: No version is promoted, or there is no such version.
    """
    versions = ModelVersions(project.settings.models_path, name)
    promoted = versions.promoted()
    if number is None and not promoted:
        raise FactoryError(
            f"no version of models/{name} is promoted (factory models says why): name one with "
            "--version to export it all the same"
        )
    return versions.version(number if number is not None else promoted[-1].version)


def _write(
    project: Project, name: str, version: ModelVersion, folder: Path, place: str
) -> Exported:
    checkpoint = _checkpoint(name, version)
    files = [each for each in checkpoint.iterdir() if each.is_file() and each.name != RECORD]
    for file in files:
        shutil.copyfile(file, folder / file.name)
    plan = project.models[name]
    model_card(project, plan, version, place).save(folder / "README.md")
    return _exported(len(files), version, f"transformers.AutoModelFor{task_of(plan)[0]}")


def _write_adapter(
    project: Project, name: str, version: ModelVersion, folder: Path, place: str
) -> Exported:
    adapter = _checkpoint(name, version) / ADAPTER
    plan = project.models[name]
    stage = plan.train[-1]
    if getattr(stage.stage.operator, "lora", None) is None:
        raise FactoryError(
            f"models/{name} has no adapter: its last stage {stage.name!r} trains all weights. Set "
            "lora there, or export without --adapter"
        )
    if task_of(plan)[0] != "CausalLM":
        raise FactoryError(
            f"models/{name} is a reward model: its adapter is of no use without its head. Export "
            "it without --adapter"
        )
    if len(plan.train) > 1:
        raise FactoryError(
            f"the adapter of models/{name} is added to the checkpoint of stage "
            f"{plan.train[-2].name!r}, which nobody else has: export without --adapter"
        )
    if not adapter.is_dir():
        raise FactoryError(
            f"the adapter of models/{name}, version {version.number}, was not kept: train it again "
            "with another seed, or export without --adapter"
        )
    files = list(adapter.iterdir())
    for file in files:
        shutil.copyfile(file, folder / file.name)
    config = json.loads((adapter / _CONFIG).read_bytes())
    config["base_model_name_or_path"] = model_label(version.start)
    (folder / _CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")
    model_card(project, plan, version, place, adapter=True).save(folder / "README.md")
    return _exported(len(files), version, "peft.AutoPeftModelForCausalLM")


def _checkpoint(name: str, version: ModelVersion) -> Path:
    if not version.trained or not (checkpoint := Path(version.path)).is_dir():
        raise FactoryError(
            f"the checkpoint of models/{name}, version {version.number}, is gone or not finished: "
            f"factory train {name}"
        )
    return checkpoint


def _exported(files: int, version: ModelVersion, loader: str) -> Exported:
    return Exported(
        files + 1,
        f"files of version {version.number}",
        0,
        0,
        loaded_by=f"{loader}.from_pretrained",
        version=version.number,
    )
