"""From the rows of a trial to those of a run."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from assets.project.recipe_plan import Stage
from schemas import Checkpoints


@dataclass(frozen=True)
class Scale:
    """How many rows a run has for each row of a trial.

    Attributes:
        stages: The stages by name.
        full: The rows of the run in the tables that come from sources.
        frames: The rows of the trial, by stage.
    """

    stages: Mapping[str, Stage]
    full: Mapping[str, int]
    frames: Mapping[str, pl.DataFrame]

    def of(self, name: str) -> float:
        """The factor of the rows that a stage gives or, if it measures a policy, asks about."""
        if name in self.full:
            return self.full[name] / max(self.frames[name].height, 1)
        asked = self.stages[name].operator
        reads = {read.field: read.stage for read in reversed(asked.inputs())}
        of = reads.get("of")
        if of is None or (of in self.stages and self.stages[of].gives is Checkpoints):
            of = reads.get("prompts", "prompts")
        factor = self.of(of)
        most: int | None = getattr(asked, "rows", None)
        if most is None or of not in self.frames:
            return factor
        rows = self.frames[of].height
        return float(min(rows * factor, most) / max(min(rows, most), 1))

    def covered(self, name: str) -> float:
        """The share of the prompts that have a row in what a stage reads, in [0, 1]."""
        of = getattr(self.stages[name].operator, "of", None)
        if not isinstance(of, str) or "prompt_id" not in self.frames[of].columns:
            return 1.0
        prompts = max(self.frames["prompts"].height, 1)
        return min(self.frames[of]["prompt_id"].n_unique() / prompts, 1.0)

    def of_probes(self, name: str, prompts: int) -> float:
        """The factor of tests of an annotator, whose number is limited. ``prompts``: those that the
        trial tested with, which are fewer than all if some have no right answer."""
        most = getattr(self.stages[name].operator, "probe_prompts", 1)
        return min(prompts * self.of(name), most) / max(min(prompts, most), 1)
