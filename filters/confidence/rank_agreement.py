"""How far two rankings of a prompt's responses agree, as the weight of its pair."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import numpy as np
import polars as pl

from filters.confidence.weighing import Weighing
from filters.pairing import scored
from kernels.ranks import Agreement, kendall, spearman, top_bottom
from schemas import Scores, Takes

_STATISTICS: Mapping[str, Callable[..., Agreement]] = {
    "kendall": kendall,
    "spearman": spearman,
    "top_bottom": top_bottom,
}


class RankAgreement(Weighing):
    """A pair weighs C = (τ + 1) / 2, where τ says how alike two views rank its prompt's responses.

    ``of`` are the two stages of scores, in CREAM the current and the previous policy's. τ is
    Kendall's tau-b or Spearman's rho; with ``top_bottom`` C is 1 where both could choose the same
    best and the same worst, else 0. With ``scope: dataset`` every pair weighs the mean C.

    Only responses that both views scored are compared. A prompt with fewer than two of these, or
    whose responses are all equal to one view, has no C, under either scope: it gives no pair.

    Source: Wang et al. 2024, CREAM (arXiv:2410.12735), section 4. Its public code numbers the
    prompts anew after skipping some, which gives later ones the C of others, and for top_bottom
    compares the ranks of the first and last response sampled; here a C belongs to its prompt's id,
    and the best and worst responses are compared.
    """

    of: Annotated[tuple[str, str], Takes(Scores)]
    statistic: Literal["kendall", "spearman", "top_bottom"] = "kendall"
    scope: Literal["prompt", "dataset"] = "prompt"

    def weights(self, responses: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        prompt = responses["prompt_id"].rank("dense").to_numpy().astype(np.int64) - 1
        # Any row of each prompt, in the order of the ranks.
        rows = np.empty(prompt.max(initial=-1) + 1, dtype=np.int64)
        rows[prompt] = np.arange(len(prompt))
        prompts = responses["prompt_id"].gather(rows)
        now, before = (scored(responses, tables[stage])["value"].to_numpy() for stage in self.of)
        found = _STATISTICS[self.statistic](
            prompt,
            now.astype(np.float64),
            before.astype(np.float64),
            count=prompts.len(),
        )
        consistency = found.value if self.statistic == "top_bottom" else (found.value + 1) / 2
        own = pl.col("consistency")
        weighed = pl.DataFrame(
            {"prompt_id": prompts, "consistency": consistency, "common": found.members}
        ).with_columns(own.fill_nan(None))
        return weighed.select(
            "prompt_id",
            "common",
            weight=own if self.scope == "prompt" else pl.when(own.is_not_null()).then(own.mean()),
            unweighed=pl.when(pl.col("common") < 2)
            .then(pl.lit("fewer than two responses scored by both views"))
            .when(own.is_null())
            .then(pl.lit("all responses equal to a view")),
        )
