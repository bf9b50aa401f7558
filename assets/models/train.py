"""Trains a downstream model through Dagster in this process."""

import dagster as dg

from assets.execution.in_process import execute_job
from assets.project.model import MODELS
from assets.project.project import Project
from assets.storage.model_versions import ModelVersion, ModelVersions


def train_model(
    project: Project, definitions: dg.Definitions, name: str, *, shown: bool = True
) -> ModelVersion:
    """Train, validate and promote a model on the newest versions of its datasets.

    A finished training is not repeated.

    Args:
        project: The project.
        definitions: Dagster definitions that hold the model.
        name: The name of the model.
        shown: Whether the run is on the Dagster instance that the UI shows, or on a temporary one.

    Returns:
        The version, promoted or held back.

    Raises:
        Exception: The error of a stage.
    """
    execute_job(definitions, name, what=f"{MODELS}/{name}", shown=shown)
    return ModelVersions(project.settings.models_path, name).version()
