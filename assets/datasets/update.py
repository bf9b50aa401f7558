"""Updates a curated dataset after a refresh: gathers and curates its rows, and stores a version."""

from dataclasses import dataclass

from assets.datasets.clusters import BANDS
from assets.datasets.curate import Curated
from assets.datasets.gather import curated_by_plan, gathered
from assets.datasets.stored_clusters import CLUSTERS, load_clusters, store_clusters
from assets.execution.row_counts import count_reasons
from assets.project.dataset_plan import DatasetPlan
from assets.storage.dataset_versions import Version, Versions
from assets.storage.tables import Tables


@dataclass(frozen=True)
class Updated:
    """An update of a dataset.

    Attributes:
        came: How many rows the recipes have.
        curation: The kept and dropped rows.
        version: The newest version.
        new: Whether it is a new one.
    """

    came: int
    curation: Curated
    version: Version
    new: bool


def updated(plan: DatasetPlan, tables: Tables, versions: Versions) -> Updated:
    """Update a dataset from the stored tables of its recipes.

    Raises:
        MissingTableError: A source of evaluation prompts has not been read.
    """
    rows = gathered(plan, tables)
    folder = versions.folder / CLUSTERS
    stored = load_clusters(folder, BANDS)
    curation = curated_by_plan(plan, rows, tables, versions.remembered(), stored=stored)
    # The splits are stored before the version, so a crash in between does not lose them.
    versions.remember(curation.remembered)
    store_clusters(folder, curation.splits.clusters, new=curation.splits.known)
    version, new = versions.write(
        curation.rows,
        curation.dropped,
        table=plan.table.__name__,
        about={
            "of": dict(plan.parts),
            "held_out": plan.held_out,
            "in": rows.height,
            "dropped": count_reasons(curation.dropped),
        },
    )
    return Updated(rows.height, curation, version, new)
