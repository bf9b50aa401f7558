"""What each held-out prompt says about a policy before and after training."""

import polars as pl

from trainers.evaluation.metrics import TIE, measured_by

COLUMNS = pl.Schema(
    {"prompt_id": pl.String, "count": pl.Float64, "before": pl.Float64, "after": pl.Float64}
)


def outcomes(frame: pl.DataFrame) -> dict[str, tuple[str, pl.DataFrame]]:
    """The outcomes of each prompt, by what is measured: ``""`` for the measure that decides,
    ``sampled`` for the share of sampled answers that are right, or the name of a task.

    Args:
        frame: A table of `schemas.EVALUATIONS`.

    Returns:
        How it was measured (``check``, ``judge``, ``reward``, ``pairs`` or ``tasks``), and the
            columns ``prompt_id``; ``count``, the number of outcomes of the prompt; ``before`` and
            ``after``, their sums. With a judge, ``before`` is a tie and ``after`` the preference at
            any length.
    """
    if "item_id" in frame.columns:
        items = frame.select("task", "before", "after", prompt_id="item_id")
        return {
            str(task): ("tasks", _summed(part))
            for (task,), part in items.partition_by(
                "task", as_dict=True, maintain_order=True
            ).items()
        }
    if "pair_id" in frame.columns:
        ranked = frame.select("prompt_id", before=_ranked("before"), after=_ranked("after"))
        return {"": ("pairs", _summed(ranked))}
    by = measured_by(frame)
    before, after = {
        "check": (pl.col("greedy_before"), pl.col("greedy_after")),
        "judge": (pl.lit(TIE), pl.col("preference")),
        "reward": (pl.col("reward_before"), pl.col("reward_after")),
    }[by]
    found: dict[str, tuple[str, pl.DataFrame]] = {
        "": (by, _summed(frame.select("prompt_id", before=before, after=after)))
    }
    sampled = frame.filter(pl.col("samples") > 0)
    if by == "check" and sampled.height:
        shares = sampled.select(
            "prompt_id",
            before=pl.col("right_before") / pl.col("samples"),
            after=pl.col("right_after") / pl.col("samples"),
        )
        found["sampled"] = (by, _summed(shares))
    return found


def _ranked(when: str) -> pl.Expr:
    """1 if the chosen side has the higher log-prob per token, 0.5 for a tie."""
    chosen, rejected = (
        pl.col(f"{side}_{when}") / pl.col(f"{side}_tokens") for side in ("chosen", "rejected")
    )
    return ((chosen - rejected).sign() + 1) / 2


def _summed(values: pl.DataFrame) -> pl.DataFrame:
    return (
        values.group_by("prompt_id", maintain_order=True)
        .agg(pl.len().alias("count"), pl.col("before", "after").cast(pl.Float64).sum())
        .cast(COLUMNS)
    )
