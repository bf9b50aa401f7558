"""Are chosen responses right more often?"""

from collections.abc import Mapping

import polars as pl

from assets.project.intervals import compared
from assets.project.label_truth import known_responses
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError, prompts_of


class ResponseAccuracy(Measure):
    """The share of right responses of stage ``of``, a mean over prompts, compared with that of the
    control's stage.

    It compares what one response a prompt was chosen or searched for, by two ways. A prompt to
    which only one of them gave a response counts as wrong for the other. ``prompts``: the stage of
    their prompts; ``held_out`` for prompts that no model is trained on.
    """

    prompts: str = "prompts"

    def stages(self) -> list[str]:
        return [self.of, self.prompts]

    def control_stages(self) -> list[str]:
        return [] if self.control is None else [self.control, self.prompts]

    def units(self, tables: Tables) -> tuple[str, int]:
        """The prompts of the responses."""
        return prompts_of(self.prompts, tables, self.of)

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        name = self.required_control()
        ours = known_responses(tables[self.of], tables[self.prompts], checks)
        theirs = known_responses(control[name], control[self.prompts], checks)
        prompts = pl.concat([ours, theirs]).select("prompt_id").unique()
        if prompts.is_empty():
            raise UnmeasurableError("of no response is it known whether it is right")
        both = compared(_answered(prompts, ours), _answered(prompts, theirs))
        return Figures.of(
            both,
            f"{both.measured:.1%} of {prompts.height:,} prompts are answered rightly, by {name} "
            f"{both.control:.1%}: {both}",
        )


def _answered(prompts: pl.DataFrame, responses: pl.DataFrame) -> pl.DataFrame:
    """One row a prompt: ``hits`` is the share of its responses that are right."""
    shares = responses.group_by("prompt_id").agg(hits=pl.col("right").mean())
    return prompts.join(shares, on="prompt_id", how="left").select(
        "prompt_id", pl.col("hits").fill_null(0.0), count=pl.lit(1.0)
    )
