"""The ablations of a report: what each part of the data adds."""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from assets.charts.effect_words import effect_of, figures_of, rows_of
from assets.charts.effects import curve_picture, effects_picture
from assets.storage.ablations import Ablation


@dataclass(frozen=True)
class Effects:
    """An ablation by one measure, as a picture and a table."""

    ablation: Ablation
    measure: str

    @property
    def title(self) -> str:
        """The model, its version, and what was varied and measured."""
        each = self.ablation
        return f"models/{each.model}, version {each.version}, by {each.by}: {self.measure}"

    @property
    def datasets(self) -> str:
        """The datasets and their versions."""
        versions = self.ablation.datasets.items()
        return ", ".join(f"datasets/{name}, version {number}" for name, number in versions)

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


def effects_of(ablations: Iterable[Ablation]) -> list[Effects]:
    """The effects that ablations found, one for each measure."""
    return [Effects(ablation, measure) for ablation in ablations for measure in ablation.measures]
