"""Do later attempts mend earlier ones?"""

from collections.abc import Mapping

import polars as pl

from assets.project.intervals import compared
from assets.project.label_truth import by_prompt, right_responses
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError, prompts_of


class SelfCorrection(Measure):
    """The accuracy of the last attempts minus that of the first ones, compared with the control's,
    or with 0 without a control.

    ``of`` is a stage of responses, each of which has the attempt before it among its parents.
    ``first`` names the stage of the first attempts; by default they are in ``of`` too. A first
    attempt without a later one is its own last. An attempt that was cut off is checked as it is.

    ``says`` adds how many right first attempts stayed right and how many wrong ones were put right,
    and the share of all that went from right to wrong (Kumar et al. 2024, arXiv:2409.12917).
    """

    first: str | None = None
    prompts: str = "prompts"

    def stages(self) -> list[str]:
        return [self.of, *([] if self.first is None else [self.first]), self.prompts]

    def control_stages(self) -> list[str]:
        if self.control is None:
            return []
        return [self.control, *([] if self.first is None else [self.first]), self.prompts]

    def units(self, tables: Tables) -> tuple[str, int]:
        """The prompts of the attempts."""
        return prompts_of(self.prompts, tables, self.of)

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        ours = self._chains(tables, self.of, checks)
        theirs = None if self.control is None else self._chains(control, self.control, checks)
        gained = _gains(ours)
        both = compared(
            gained, gained.with_columns(hits=pl.lit(0.0)) if theirs is None else _gains(theirs)
        )
        against = "" if theirs is None else f"; the control's {_summary(theirs)}"
        return Figures.of(both, f"{_summary(ours)}{against}: {both}")

    def _chains(self, tables: Tables, stage: str, checks: Mapping[str, str]) -> pl.DataFrame:
        """One row a last attempt whose truth is known: whether ``first`` and ``last`` are right."""
        columns = ("response_id", "prompt_id", "text")
        parents = pl.col("origin").struct.field("parents")
        names = dict.fromkeys([stage if self.first is None else self.first, stage])
        attempts = pl.concat(tables[name].select(*columns, parents=parents) for name in names)
        attempts = attempts.unique("response_id", keep="first", maintain_order=True)
        right = pl.Series(
            right_responses(attempts.drop("parents"), tables[self.prompts], checks),
            dtype=pl.Boolean,
        )
        truth = dict(zip(attempts["response_id"], right, strict=True))
        before = {
            name: next((each for each in ids if each in truth), None)
            for name, ids in attempts.select("response_id", "parents").iter_rows()
        }
        continued = set(before.values())
        rows = [
            (prompt, truth[_first(name, before)], truth[name])
            for name, prompt in attempts.select("response_id", "prompt_id").iter_rows()
            if name not in continued
        ]
        schema = {"prompt_id": pl.String, "first": pl.Boolean, "last": pl.Boolean}
        chains = pl.DataFrame(rows, schema=schema, orient="row").drop_nulls()
        if chains.is_empty():
            raise UnmeasurableError(f"{stage}: of no attempt is it known whether it is right")
        return chains


def _first(name: str, before: Mapping[str, str | None]) -> str:
    while (parent := before[name]) is not None:
        name = parent
    return name


def _gains(chains: pl.DataFrame) -> pl.DataFrame:
    """For each prompt: ``count`` chains, and the sum of what their last attempts gained."""
    return by_prompt(chains, pl.col("last").cast(pl.Float64) - pl.col("first").cast(pl.Float64))


def _summary(chains: pl.DataFrame) -> str:
    right, last = chains["first"].to_numpy(), chains["last"].to_numpy()
    both, lost, mended = (int(each.sum()) for each in (right & last, right & ~last, ~right & last))
    total = chains.height
    return (
        f"attempts go from {(both + lost) / total:.1%} to {(both + mended) / total:.1%} right "
        f"({both:,} of {both + lost:,} stay right, {mended:,} of {total - both - lost:,} are put "
        f"right, {lost / total:.1%} of all go from right to wrong)"
    )
