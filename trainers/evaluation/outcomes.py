"""What each held-out prompt says about a policy before and after training."""

import polars as pl

from trainers.evaluation.metrics import TIE, measured_by
from trainers.evaluation.step_metrics import judged

COLUMNS = pl.Schema(
    {"prompt_id": pl.String, "count": pl.Float64, "before": pl.Float64, "after": pl.Float64}
)


def outcomes(frame: pl.DataFrame) -> dict[str, tuple[str, pl.DataFrame]]:
    """The outcomes of each prompt, by what is measured: ``""`` for the measure that decides,
    ``sampled`` for the share of sampled answers that are right, or the name of a task.

    Args:
        frame: A table of `schemas.EVALUATIONS`.

    Returns:
        How it was measured (``check``, ``judge``, ``reward``, ``pairs``, ``rewards``, ``steps``
            or ``tasks``), and the columns ``prompt_id``; ``count``, the number of outcomes of the
            prompt; ``before`` and ``after``, their sums. With a judge, ``before`` is a tie and
            ``after`` the preference at any length.
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
        by = "pairs" if "chosen_tokens" in frame.columns else "rewards"
        sides = {when: _ranked(when, per_token=by == "pairs") for when in ("before", "after")}
        return {"": (by, _summed(frame.select("prompt_id", **sides)))}
    if "labels" in frame.columns:
        agree = (pl.col(when) * pl.col("weight") for when in ("before", "after"))
        return {"": ("steps", _summed(judged(frame).select("prompt_id", *agree)))}
    by = measured_by(frame)
    before, after = {
        "check": (pl.col("greedy_before"), pl.col("greedy_after")),
        "judge": (pl.lit(TIE), pl.col("preference")),
        "reward": (pl.col("reward_before"), pl.col("reward_after")),
    }[by]
    measures: dict[str, tuple[str, pl.DataFrame]] = {
        "": (by, _summed(frame.select("prompt_id", before=before, after=after)))
    }
    sampled = frame.filter(pl.col("samples") > 0)
    if by == "check" and sampled.height:
        shares = sampled.select(
            "prompt_id",
            before=pl.col("right_before") / pl.col("samples"),
            after=pl.col("right_after") / pl.col("samples"),
        )
        measures["sampled"] = (by, _summed(shares))
    return measures


def _ranked(when: str, *, per_token: bool) -> pl.Expr:
    """1 if the chosen side has the higher reward, or log-prob per token; 0.5 for a tie."""
    chosen, rejected = (
        pl.col(f"{side}_{when}") / (pl.col(f"{side}_tokens") if per_token else 1)
        for side in ("chosen", "rejected")
    )
    return ((chosen - rejected).sign() + 1) / 2


def _summed(values: pl.DataFrame) -> pl.DataFrame:
    return (
        values.group_by("prompt_id", maintain_order=True)
        .agg(pl.len().alias("count"), pl.col("before", "after").cast(pl.Float64).sum())
        .cast(COLUMNS)
    )
