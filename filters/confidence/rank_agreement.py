"""Weights pairs by the agreement of two rankings of their prompts' responses."""

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
    """The weight of a pair is C = (τ + 1) / 2. τ measures how similarly two stages of scores rank
    the responses to its prompt.

    ``of`` are the two stages; in CREAM these are the current and the previous policy. τ is
    Kendall's tau-b or Spearman's rho. With ``top_bottom``, C is 1 if both stages can have the same
    best and the same worst response, else 0. With ``scope: dataset`` every pair has the mean C as
    its weight.

    Only responses with scores of both stages are compared. A prompt has no C, and gives no pair, if
    fewer than two responses can be compared or if a stage scores all of them the same.

    Source: Wang et al. 2024, CREAM (arXiv:2410.12735), section 4. Its public code skips some
    prompts and numbers the rest anew, so that later prompts get the C of others; its top_bottom
    compares the ranks of the first and the last sampled response. Here C belongs to a prompt's id,
    and the best and worst responses are compared.
    """

    of: Annotated[tuple[str, str], Takes(Scores)]
    statistic: Literal["kendall", "spearman", "top_bottom"] = "kendall"
    scope: Literal["prompt", "dataset"] = "prompt"

    @property
    def by_prompt(self) -> bool:
        """The mean weight of the dataset is of all rows."""
        return self.scope == "prompt"

    def weights(self, responses: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        prompt = responses["prompt_id"].rank("dense").to_numpy().astype(np.int64) - 1
        # Any row of each prompt, in the order of the ranks.
        rows = np.empty(prompt.max(initial=-1) + 1, dtype=np.int64)
        rows[prompt] = np.arange(len(prompt))
        prompts = responses["prompt_id"].gather(rows)
        now, before = (scored(responses, tables[stage])["value"].to_numpy() for stage in self.of)
        agreement = _STATISTICS[self.statistic](
            prompt,
            now.astype(np.float64),
            before.astype(np.float64),
            count=prompts.len(),
        )
        consistency = (
            agreement.value if self.statistic == "top_bottom" else (agreement.value + 1) / 2
        )
        value = pl.col("consistency")
        weighted = pl.DataFrame(
            {"prompt_id": prompts, "consistency": consistency, "common": agreement.members}
        ).with_columns(value.fill_nan(None))
        return weighted.select(
            "prompt_id",
            "common",
            weight=value
            if self.scope == "prompt"
            else pl.when(value.is_not_null()).then(value.mean()),
            unweighed=pl.when(pl.col("common") < 2)
            .then(pl.lit("fewer than two responses scored by both views"))
            .when(value.is_null())
            .then(pl.lit("all responses equal to a view")),
        )
