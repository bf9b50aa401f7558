"""Exports a recipe's data, a dataset or a model to a folder or the Hub, for `factory export` and
for the assets of `assets.publishing.asset`. What was written is checked before it is published."""

from dataclasses import dataclass
from pathlib import Path

from assets.config.errors import FactoryError
from assets.config.hub_address import Kind, repository
from assets.config.locations import located
from assets.datasets.export import dataset_writer
from assets.export.hub import Published
from assets.export.writer import Exported, Writer, in_folder, on_hub, recipe_writer
from assets.models.export import model_writer
from assets.project.dataset import DATASETS
from assets.project.find_rows import model_name
from assets.project.model import MODELS
from assets.project.project import Project
from assets.publishing.checks import check_export
from assets.storage.model_versions import ModelVersions
from assets.storage.published import Publication, record_publication


@dataclass(frozen=True)
class Publishing:
    """An export that was made.

    Attributes:
        exported: What was written.
        repository: The id of the repository; None for a folder.
        published: The commit; None for a folder.
    """

    exported: Exported
    repository: str | None = None
    published: Published | None = None


def kind_of(name: str) -> Kind:
    """Whether ``models/NAME``, ``datasets/NAME`` or the name of a recipe is exported as a dataset
    or as a model."""
    return "model" if name.startswith(f"{MODELS}/") else "dataset"


def unpromoted(project: Project, name: str) -> str | None:
    """Why there is nothing to publish: ``models/NAME`` without a promoted version; None if there
    is something."""
    if kind_of(name) != "model":
        return None
    versions = ModelVersions(project.settings.models_path, name.partition("/")[2])
    return None if versions.promoted() else f"nothing to publish: no version of {name} is promoted"


def publish(
    project: Project,
    name: str,
    place: str,
    *,
    format: str | None = None,
    public: bool = False,
    version: int | None = None,
    adapter: bool = False,
) -> Publishing:
    """Write an export, check it, and replace a folder or commit it to the Hub.

    Args:
        project: The project.
        name: The name of a recipe, ``datasets/NAME`` or ``models/NAME``.
        place: A folder, an object store, or the address of a repository of the Hub.
        format: The name or the import path of a format; by default the one that fits.
        public: Whether a new repository is public.
        version: The number of a version of a dataset or model; by default the newest.
        adapter: Of a model trained with LoRA, export only the adapter.

    Raises:
        ExportCheckError: The export that was written is not as it should be.
        FactoryError: There is nothing to export, or it cannot be written there.
    """
    kind = kind_of(name)
    if adapter and kind != "model":
        raise FactoryError("an adapter (--adapter) is part of a model: name models/NAME")
    repo = repository(place, kind)
    write = _checked(_writer(project, name, format, version, adapter=adapter), kind)
    if repo is None:
        return Publishing(in_folder(write, located(place)))
    exported, published = on_hub(write, repo, public=public, of=name, kind=kind)
    if exported.version is not None:
        record = Publication(exported.version, repo, published.url, published.commit)
        record_publication(project.settings.root_path, name, record)
    return Publishing(exported, repo, published)


def _writer(
    project: Project, name: str, format: str | None, version: int | None, *, adapter: bool
) -> Writer:
    family, _, inner = name.partition("/")
    if family == DATASETS:
        return dataset_writer(project, inner, format=format, version=version)
    if family == MODELS:
        return model_writer(project, model_name(project, inner), version=version, adapter=adapter)
    return recipe_writer(project, name, format=format)


def _checked(write: Writer, kind: Kind) -> Writer:
    def write_and_check(folder: Path, place: str) -> Exported:
        exported = write(folder, place)
        check_export(folder, kind, exported)
        return exported

    return write_and_check
