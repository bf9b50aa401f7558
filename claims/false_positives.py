"""Is a judge fooled less often by responses without content?"""

from collections.abc import Mapping

import polars as pl

from assets.project.intervals import Shares, compared
from assets.project.label_truth import by_prompt, mean_scores, ranked_pairs
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError


class FalsePositives(Measure):
    """The share of false positives of stage ``of``: responses without content that are scored
    ``positive`` or more. It must be lower than that of ``control``.

    ``responses`` names the stage of the scored responses, which all have no content. A response
    without a score is no false positive.

    A judge that rejects everything has no false positives. ``accuracy`` and ``accuracy_control``
    prevent this: they are scores of the real responses of stage ``answers`` by the same two judges.
    With them, the claim holds only if the share of correctly ranked (right, wrong) pairs is not
    significantly lower than the control's.
    """

    responses: str
    positive: float = 3.0
    answers: str = "responses"
    accuracy: str | None = None
    accuracy_control: str | None = None

    def stages(self) -> list[str]:
        real = [] if self.accuracy is None else [self.answers, self.accuracy]
        return [self.of, self.responses, *real]

    def control_stages(self) -> list[str]:
        real = [] if self.accuracy_control is None else [self.answers, self.accuracy_control]
        return [*super().control_stages(), self.responses, *real]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        control_stage = self.required_control()
        ours = self._fooled(tables[self.responses], tables[self.of])
        theirs = self._fooled(control[self.responses], control[control_stage])
        fooled = _compared(ours, theirs)
        says = (
            f"{fooled.measured:.1%} of answers without content are taken for answers, before "
            f"{fooled.control:.1%}: {fooled}"
        )
        held = fooled.high < 0
        if self.accuracy is not None and self.accuracy_control is not None:
            ranked = _compared(
                ranked_pairs(
                    tables[self.answers], tables[self.accuracy], tables["prompts"], checks
                ),
                ranked_pairs(
                    control[self.answers],
                    control[self.accuracy_control],
                    control["prompts"],
                    checks,
                ),
            )
            held = held and ranked.high >= 0
            says += (
                f"; of real responses {ranked.measured:.1%} of pairs are ranked rightly, before "
                f"{ranked.control:.1%}: {ranked}"
            )
        return Figures.of(fooled, says, held=held, below=True)

    def _fooled(self, responses: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
        """One row a prompt: ``count`` responses, of which ``hits`` are false positives."""
        # A response without a score is no false positive.
        judged = responses.select("prompt_id", "response_id").join(
            mean_scores(scores), on="response_id"
        )
        return by_prompt(judged, (pl.col("value") >= self.positive).fill_null(False))


def _compared(ours: pl.DataFrame, theirs: pl.DataFrame) -> Shares:
    if not ours["count"].sum() or not theirs["count"].sum():
        raise UnmeasurableError("no response is scored by both judges")
    return compared(ours, theirs)
