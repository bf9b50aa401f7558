"""A factory with recipes whose tables were written, and the curated datasets that they make."""

from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from assets.datasets.asset import dataset_asset
from assets.project.resources import Resources
from assets.storage.dataset_versions import Versions
from assets.storage.tables import Tables


@dataclass(frozen=True)
class Grower:
    """Makes curated datasets of a factory."""

    workshop: Any

    def grow(self, name: str) -> dict[str, Any]:
        """Make ``datasets/<name>`` now; the metadata of it, and its data version."""
        project = self.workshop.project()
        factory = Resources(
            settings=project.settings, tables=Tables(project.settings.root_path), checks={}
        )
        result = dg.materialize(
            [dataset_asset(project.datasets[name], project.settings.freshness)],
            resources={"factory": factory},
        )
        assert all(check.passed for check in result.get_asset_check_evaluations())
        (event,) = result.get_asset_materialization_events()
        told = {key: value.value for key, value in event.materialization.metadata.items()}
        return told | {"data version": event.materialization.tags["dagster/data_version"]}

    def versions(self, name: str) -> Versions:
        return Versions(self.workshop.folder / "data", name)


@pytest.fixture
def grower(ran: Any) -> Grower:
    """The factory of `ran`: recipes that tests add to it have names of their own."""
    return Grower(ran[0])
