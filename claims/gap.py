"""Does a density ratio judge better, the further apart its two models are?"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from pydantic import Field

from assets.project.intervals import compared
from assets.project.label_truth import ranked_pairs, right_responses
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError


@dataclass(frozen=True)
class _Point:
    """One pair of models: how far apart they are, and what their ratio ranks rightly."""

    stage: str
    gap: float
    ranked: pl.DataFrame

    @property
    def accuracy(self) -> float:
        hits, count = (self.ranked.select(name).sum().item() for name in ("hits", "count"))
        return float(hits / count)


class RewardGap(Measure):
    """The reward accuracy of the pair of models with the largest gap, against that of the pair with
    the smallest.

    ``of`` names the stage whose responses were scored. ``pairs`` names, for each stage of scores,
    the two stages of responses by which its models are known: the stronger model's own answers, and
    the weaker one's. A pair's gap is the share of right answers of the first less that of the
    second; its reward accuracy is that of `claims.RewardAccuracy`.

    Source: Xu et al. 2024, CDR (arXiv:2411.02481), where 221 pairs of models are compared.
    """

    pairs: Mapping[str, tuple[str, str]] = Field(min_length=2)

    def stages(self) -> list[str]:
        own = [stage for both in self.pairs.values() for stage in both]
        return list(dict.fromkeys([self.of, *own, *self.pairs]))

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
        told = ", ".join(f"{p.stage} {p.gap:+.1%} → {p.accuracy:.1%}" for p in points)
        return Figures.of(
            both,
            f"reward accuracy by gap between the models: {told}; largest gap against smallest: "
            f"{both}",
        )


def _accuracy(
    responses: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str], stage: str
) -> float:
    known = [right for right in right_responses(responses, prompts, checks) if right is not None]
    if not known:
        raise UnmeasurableError(f"{stage}: of no response it is known whether it is right")
    return sum(known) / len(known)
