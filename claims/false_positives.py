"""Is a judge fooled less often by answers that say nothing?"""

from collections.abc import Mapping

import polars as pl

from assets.project.intervals import Shares, compared
from assets.project.label_truth import by_prompt, mean_scores, ranked_pairs
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError


class FalsePositives(Measure):
    """The share of responses without content that the scores of stage ``of`` take for answers:
    those of ``positive`` or more. It must be lower than by the scores of ``control``.

    ``responses`` names the stage whose responses were scored, all of them worthless. A response
    without a score is not taken for an answer. With ``accuracy`` and ``accuracy_control``, scores
    of the real responses of stage ``answers`` by the same two judges, the claim holds only if the
    share of (right, wrong) pairs ranked rightly is not lower than the control's beyond doubt: a
    judge that rejects everything is fooled by nothing.
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
        fooled = _both(ours, theirs)
        says = (
            f"{fooled.measured:.1%} of answers without content are taken for answers, before "
            f"{fooled.control:.1%}: {fooled}"
        )
        held = fooled.high < 0
        if self.accuracy is not None and self.accuracy_control is not None:
            rightly = _both(
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
            held = held and rightly.high >= 0
            says += (
                f"; of real responses {rightly.measured:.1%} of pairs are ranked rightly, before "
                f"{rightly.control:.1%}: {rightly}"
            )
        return Figures.of(fooled, says, held=held)

    def _fooled(self, responses: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
        """One row a prompt: ``count`` responses, ``hits`` of them taken for answers."""
        # A response without a score is not taken for an answer.
        judged = responses.select("prompt_id", "response_id").join(
            mean_scores(scores), on="response_id"
        )
        return by_prompt(judged, (pl.col("value") >= self.positive).fill_null(False))


def _both(ours: pl.DataFrame, theirs: pl.DataFrame) -> Shares:
    if not ours["count"].sum() or not theirs["count"].sum():
        raise UnmeasurableError("no response is scored by both judges")
    return compared(ours, theirs)
