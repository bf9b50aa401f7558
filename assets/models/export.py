"""Exports a model: safetensors, tokenizer, chat template and a card, into a folder or to the Hub.

    README.md            the card (`assets.models.card`)
    model.safetensors    and the other files of the checkpoint

The record of the training stays behind: it names folders of this machine.
"""

import shutil
from functools import partial
from pathlib import Path

from assets.config.errors import FactoryError
from assets.export.writer import Exported, Writer
from assets.models.card import model_card, task_of
from assets.project.project import Project
from assets.storage.model_versions import ModelVersion, ModelVersions
from trainers.training.checkpoint_folder import RECORD


def model_writer(project: Project, name: str, *, version: int | None = None) -> Writer:
    """A function that writes a version of a model into a folder.

    It is for `assets.export.writer.in_folder` and `assets.export.writer.on_hub`.

    Args:
        project: The project.
        name: The name of the model.
        version: The number of a version; by default the newest promoted one.

    Raises:
        FactoryError: No version is promoted, or there is no such version.
    """
    return partial(_write, project, name, exported_version(project, name, version))


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
    if not version.trained or not (checkpoint := Path(version.path)).is_dir():
        raise FactoryError(
            f"the checkpoint of models/{name}, version {version.number}, is gone or not finished: "
            f"factory train {name}"
        )
    files = [each for each in checkpoint.iterdir() if each.is_file() and each.name != RECORD]
    for file in files:
        shutil.copyfile(file, folder / file.name)
    plan = project.models[name]
    model_card(project, plan, version, place).save(folder / "README.md")
    return Exported(
        len(files) + 1,
        f"files of version {version.number}",
        0,
        0,
        loaded_by=f"transformers.AutoModelFor{task_of(plan)[0]}.from_pretrained",
        version=version.number,
    )
