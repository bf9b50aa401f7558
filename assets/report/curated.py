"""The report of a curated dataset: its versions, what its filters dropped, and its ablations."""

from assets.charts.funnel import funnel_picture
from assets.project.dataset import DATASETS
from assets.project.project import Project
from assets.report.effects import effects_of
from assets.report.template import rendered
from assets.storage.ablations import ablations_of
from assets.storage.dataset_versions import HELD_OUT, TRAIN, Versions


def curated_report(project: Project, name: str) -> str:
    """The HTML page about a curated dataset. It calls no model.

    Raises:
        MissingTableError: The dataset has no version yet.
        FactoryError: A stored file is damaged.
    """
    versions = Versions(project.settings.root_path, name)
    newest = versions.version()
    rows = versions.read(newest)
    dropped = newest.about["dropped"]
    return rendered(
        "curated.html.jinja",
        family=DATASETS,
        name=name,
        plan=project.datasets[name],
        newest=newest,
        versions=[
            (each.number, each.made, each.rows(TRAIN), each.rows(HELD_OUT))
            for each in map(versions.version, reversed(versions.numbers()))
        ],
        funnel=funnel_picture("rows", newest.about["in"], newest.rows(), dropped).inside(),
        parts=rows.group_by("recipe", "source", "split", maintain_order=True).len().rows(),
        effects=effects_of(ablations_of(project.settings.models_path, name)),
    )
