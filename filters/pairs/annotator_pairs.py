"""What each annotator likes best of a prompt's responses, against what he likes least."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.cut_off import CutAnswer
from filters.filter import Filter, refused
from filters.pairs.best_worst import BestWorst
from schemas import Pairs, Prompts, Responses, Scores, Split, Table, Takes
from schemas.ids import content_ids


class AnnotatorPairs(Filter):
    """One pair per prompt and annotator of stage ``by``, as `filters.BestWorst` makes it of that
    annotator's scores alone. The pair has the annotator's name (``annotator``), so that who judged
    stays known. A prompt is dropped if no annotator gives a pair, with the reasons of each.

    For rewards that differ by annotator (`trainers.MixtureReward`), as in PAL (Chen et al. 2024,
    arXiv:2406.08469).
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "prompt_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    cut: CutAnswer = "refuse"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        one = BestWorst(of=self.of, by=self.by, prompts=self.prompts, cut=self.cut)
        order = tables[self.of].select("prompt_id").unique(maintain_order=True)
        scores = tables[self.by]
        kept, reasons = [one.choose({**tables, self.by: scores.clear()}).kept], []
        for name in scores["annotator"].unique().sort():
            mine = scores.filter(pl.col("annotator") == name)
            judged = tables[self.of].join(mine, on="response_id", how="semi", maintain_order="left")
            split = one.choose({**tables, self.of: judged, self.by: mine})
            ids = split.kept.select("pair_id", annotator=pl.lit(name)).get_columns()
            kept.append(
                split.kept.with_columns(content_ids(*ids).alias("pair_id"), annotator=pl.lit(name))
            )
            reasons.append(
                split.dropped.select(
                    prompt_id="row_id", reason=pl.concat_str(pl.lit(f"{name}: "), "reason")
                )
            )
        pairs = order.join(pl.concat(kept), on="prompt_id", maintain_order="left_right")
        lost = order.join(pairs, on="prompt_id", how="anti", maintain_order="left")
        reason = (
            pl.concat(reasons)
            .group_by("prompt_id", maintain_order=True)
            .agg(pl.col("reason").str.join("; "))
            if reasons
            else order.clear().with_columns(reason=pl.lit("", pl.String))
        )
        lost = lost.join(reason, on="prompt_id", how="left", maintain_order="left")
        return Split(
            pairs.select(kept[0].columns),
            refused(lost, "prompt_id", pl.col("reason").fill_null("no response has a score")),
        )
