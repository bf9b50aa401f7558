"""The report of a curated dataset: its versions, what its filters dropped, and its ablations."""

from dataclasses import dataclass

from markupsafe import Markup

from assets.charts.effect_words import effect_of, figures_of, rows_of
from assets.charts.effects import curve_picture, effects_picture
from assets.charts.funnel import funnel_picture
from assets.project.project import Project
from assets.report.template import environment, joined, policy
from assets.storage.ablations import Ablation, ablations_of
from assets.storage.dataset_versions import HELD_OUT, TRAIN, Versions

TEMPLATE = "curated.html.jinja"
STYLE = ("report.css",)


@dataclass(frozen=True)
class Effects:
    """An ablation by one measure, as a picture and a table."""

    ablation: Ablation
    measure: str

    @property
    def picture(self) -> Markup:
        """The effects, or the curve over the number of rows."""
        drawn = curve_picture if self.ablation.by == "size" else effects_picture
        return drawn(self.ablation, self.measure).inside()

    @property
    def prompts(self) -> int:
        """The number of prompts that were compared."""
        return self.ablation.variants[0].measured[self.measure].prompts

    @property
    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """For each variant: its name, rows, gain over the start, effect, and what follows."""
        return [
            (
                each.name,
                rows_of(each),
                *figures_of(each, self.measure),
                effect_of(each, self.measure),
            )
            for each in self.ablation.variants
        ]


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
    style = joined(STYLE)
    return (
        environment()
        .get_template(TEMPLATE)
        .render(
            name=name,
            plan=project.datasets[name],
            newest=newest,
            versions=[
                (each.number, each.made, each.rows(TRAIN), each.rows(HELD_OUT))
                for each in map(versions.version, reversed(versions.numbers()))
            ],
            funnel=funnel_picture("rows", newest.about["in"], newest.rows(), dropped).inside(),
            parts=rows.group_by("recipe", "source", "split", maintain_order=True).len().rows(),
            effects=[
                Effects(ablation, measure)
                for ablation in ablations_of(project.settings.models_path, name)
                for measure in ablation.measures
            ],
            policy=policy(style, ""),
            # The package's own file: it contains no data.
            style=Markup(style),
        )
    )
