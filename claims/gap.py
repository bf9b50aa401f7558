"""Does a density ratio judge better if its two models are further apart?"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from pydantic import Field

from assets.project.intervals import compared
from assets.project.label_truth import ranked_pairs, right_responses
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError


@dataclass(frozen=True)
class _Point:
    """A pair of models: the gap between them, and the pairs that their ratio ranks correctly."""

    stage: str
    gap: float
    ranked: pl.DataFrame

    @property
    def accuracy(self) -> float:
        hits, count = (self.ranked.select(name).sum().item() for name in ("hits", "count"))
        return float(hits / count)


class RewardGap(Measure):
    """The reward accuracy of the pair of models with the largest gap, compared with that of the
    pair with the smallest gap.

    ``of`` names the stage whose responses were scored. ``pairs`` names two stages of responses for
    each stage of scores: those of its stronger model and those of its weaker model. The gap of a
    pair is the share of right responses of the stronger model minus that of the weaker one. Reward
    accuracy is that of `claims.RewardAccuracy`.

    Source: Xu et al. 2024, CDR (arXiv:2411.02481), where 221 pairs of models are compared.
    """

    pairs: Mapping[str, tuple[str, str]] = Field(min_length=2)

    def stages(self) -> list[str]:
        used = [stage for both in self.pairs.values() for stage in both]
        return list(dict.fromkeys([self.of, *used, *self.pairs]))

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        prompts = tables["prompts"]
        skill = {
            stage: _accuracy(tables[stage], prompts, checks, stage)
            for stage in dict.fromkeys(stage for both in self.pairs.values() for stage in both)
        }
        points = sorted(
            (
                _Point(
                    stage,
                    skill[above] - skill[below],
                    ranked_pairs(tables[self.of], tables[stage], prompts, checks),
                )
                for stage, (above, below) in self.pairs.items()
            ),
            key=lambda point: point.gap,
        )
        silent = [point.stage for point in points if not point.ranked["count"].sum()]
        if silent:
            raise UnmeasurableError(
                f"{', '.join(silent)}: no prompt has both a right and a wrong response with scores"
            )
        least, most = points[0], points[-1]
        both = compared(most.ranked, least.ranked)
        listed = ", ".join(f"{p.stage} {p.gap:+.1%} → {p.accuracy:.1%}" for p in points)
        return Figures.of(
            both,
            f"reward accuracy by gap between the models: {listed}; largest gap against smallest: "
            f"{both}",
        )


def _accuracy(
    responses: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str], stage: str
) -> float:
    checked = [right for right in right_responses(responses, prompts, checks) if right is not None]
    if not checked:
        raise UnmeasurableError(f"{stage}: of no response it is known whether it is right")
    return sum(checked) / len(checked)
