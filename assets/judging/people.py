"""How far a judge's verdicts on pairs are those of the people who voted."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from kernels.ranks import kendall, spearman


@dataclass(frozen=True)
class Agreement:
    """A judge's agreement with people, votes for neither included.

    Attributes:
        votes: The pairs with a person's vote and a verdict that could be read.
        same: The share of them of which both name the same response, or neither.
        kappa: Cohen's kappa of the three verdicts (Cohen 1960): ``same``, less what chance would
            give, as a share of the rest. None if people always vote alike, as in a file that always
            has the better response first.
        tau: Kendall's tau-b of the votes (1, ½ or 0 for the response that stands first in the file)
            and the judge's value of that response. None where one of them is always the same.
        rho: Spearman's rho of the same.
    """

    votes: int
    same: float
    kappa: float | None
    tau: float | None
    rho: float | None


def agreement(table: pl.DataFrame) -> Agreement | None:
    """The agreement of verdicts (`assets.judging.verdicts.COLUMNS`); None without votes."""
    read = table.drop_nulls(["vote", "value"])
    if read.is_empty():
        return None
    # Expected values that are equal may differ in their last bits.
    votes, values = read["vote"].to_numpy(), read["value"].round(9).to_numpy()
    # A flip names neither: the orders name different ones.
    sides = read.select(
        pl.when(pl.col("verdict").is_in(["tie", "flip"]))
        .then(0.5)
        .otherwise(pl.col("value").round(0))
    )
    verdicts = sides.to_series().to_numpy()
    same = float(np.mean(votes == verdicts))
    chance = sum(float(np.mean(votes == one) * np.mean(verdicts == one)) for one in (0.0, 0.5, 1.0))
    one_group = np.zeros(read.height, dtype=np.int64)
    tau, rho = (
        float(measure(one_group, votes, values, count=1).value[0])
        for measure in (kendall, spearman)
    )
    varied = len(set(votes)) > 1
    return Agreement(
        read.height,
        same,
        (same - chance) / (1 - chance) if varied else None,
        tau if varied and not np.isnan(tau) else None,
        rho if varied and not np.isnan(rho) else None,
    )
