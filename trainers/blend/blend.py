"""A small model from the scores of several annotators to a preference."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import polars as pl
from pydantic import Field

from engines.context import Context
from engines.operators.score_blend import (
    UNTRAINED,
    Features,
    Floats,
    ScoreBlend,
    feature_names,
    features_of,
    first_missing,
    with_features,
)
from schemas import (
    Checkpoints,
    Dropped,
    Operator,
    Pairs,
    Scores,
    Split,
    Takes,
    accept,
    canonical,
    content_id,
    rows,
)
from trainers.training.checkpoint_folder import TrainedFolder

IDENTITY_VERSION = 1
SIDES = ("chosen", "rejected")


class Blend(Operator):
    """Fits a reward r(x) of the scores x that a response has in the stages ``by``, so that the
    chosen side of a pair has the higher one. Each annotator of each stage is a feature; the models
    behind the scores stay as they are.

    The loss is that of the Bradley-Terry model, −C·log σ(h) − (1−C)·log σ(−h), with h = r(w) − r(l)
    and C the pair's weight, plus ``penalty`` times the sum of squared weights. Features are
    standardised by the responses of the pairs that it is fitted to. Without ``hidden``, r is
    linear, so this is logistic regression on the difference of the two sides' scores. With it, r is
    a perceptron of so many tanh units. All pairs are in each step (L-BFGS), on the CPU.

    The metrics have ``weight/…`` for each feature: how much the reward rises with one standard
    deviation of it, in nats of preference (of a perceptron, on average over the responses); the
    ``loss``; and ``accuracy``, the share of the pairs that r ranks as they say, a tie as a half.
    `annotators.Blended` scores responses by it. A pair with a side that lacks a score is dropped.

    Source: Nath et al. 2024 (arXiv:2402.15473), a small network on features that experts name; Quan
    2024, DMoERM (arXiv:2403.01197), a perceptron over frozen experts.
    """

    gives: ClassVar = Checkpoints
    unit: ClassVar = "pair_id"
    task: ClassVar = "BLEND"

    of: Annotated[str, Takes(Pairs)]
    by: Annotated[tuple[str, ...], Takes(Scores), Field(min_length=1)]
    hidden: int = Field(0, ge=0, le=64)
    penalty: float = Field(0.01, gt=0)
    seed: int | None = None

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """One `Checkpoints` row, and `Dropped` for pairs without all scores.

        Without a pair to learn from nothing is fitted, and ``reason`` says why.
        """
        features = features_of(tables, self.by)
        names = feature_names(features, self.by)
        pairs, refused = self._examples(tables, features, names)
        if pairs.is_empty():
            reason = f"no pair of stage {self.of!r} has all scores of {', '.join(self.by)}"
            return _split({**_NOTHING, "reason": reason}, refused, context)
        examples = Examples.of(pairs, len(names))
        seed = context.seed if self.seed is None else self.seed
        identity = {
            "version": IDENTITY_VERSION,
            "operator": "trainers.blend.Blend",
            "parameters": {"hidden": self.hidden, "penalty": self.penalty},
            "seed": seed,
            "features": features,
            "rows": examples.digest,
        }
        folder = TrainedFolder(
            Path(context.models) / context.refresh / context.stage, content_id(identity)
        )
        record = folder.finished()
        if record is None:
            began = time.monotonic()
            blend, loss, steps = self._fitted(examples, features, seed)
            blend.save(folder.model)
            metrics = {"loss": loss, "accuracy": accuracy(blend, examples)} | {
                f"weight/{name}": float(slope)
                for name, slope in zip(names, blend.slopes(examples.responses), strict=True)
            }
            seconds = time.monotonic() - began
            record = {"metrics": metrics, "steps": steps, "seconds": seconds, "identity": identity}
            folder.publish(record)
        row = {
            "path": str(folder.path),
            "start": UNTRAINED,
            "trained": True,
            "reason": None,
            "rows": pairs.height,
            "steps": record["steps"],
            "seconds": record["seconds"],
            "metrics": canonical(record["metrics"]),
        }
        return _split(row, refused, context)

    def _examples(
        self, tables: Mapping[str, pl.DataFrame], features: Features, names: Sequence[str]
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The pairs with the features of both sides, and those that lack one with a ``reason``."""
        response_features = with_features(tables, self.by, features)
        pairs = tables[self.of].select("pair_id", "weight", *(f"{side}_id" for side in SIDES))
        for side in SIDES:
            of_side = response_features.rename({f"x{n}": f"{side} x{n}" for n in range(len(names))})
            pairs = pairs.join(of_side, left_on=f"{side}_id", right_on="response_id", how="left")
        reasons = {
            f"{side} x{n}": f"the {side} side has no score of {name}"
            for side in SIDES
            for n, name in enumerate(names)
        }
        nothing = None if names else f"no score in {', '.join(self.by)}"
        pairs = pairs.with_columns(
            reason=pl.coalesce(pl.lit(nothing, pl.String), first_missing(reasons))
        )
        has_all = pl.col("reason").is_null()
        # Sorted, so that the order of rows changes neither the identity nor the weights.
        return pairs.filter(has_all).sort("pair_id"), pairs.filter(~has_all)

    def _fitted(
        self, examples: "Examples", features: Features, seed: int
    ) -> tuple[ScoreBlend, float, int]:
        from trainers.blend.fitting import fitted

        x = examples.responses
        # Of equal numbers the deviation may be a rounding error above 0.
        mean, deviation = x.mean(axis=0), np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0)
        weights, loss, steps = fitted(
            (examples.chosen - mean) / deviation,
            (examples.rejected - mean) / deviation,
            examples.weight,
            hidden=self.hidden,
            penalty=self.penalty,
            seed=seed,
        )
        return ScoreBlend(features, mean, deviation, **weights), loss, steps


@dataclass(frozen=True)
class Examples:
    """The scores of both sides of pairs, each Float[pairs, features]; the ``weight`` of each pair,
    Float[pairs]; and those of all their responses, each once, Float[responses, features]."""

    chosen: Floats
    rejected: Floats
    weight: Floats
    responses: Floats
    digest: str

    @classmethod
    def of(cls, pairs: pl.DataFrame, features: int) -> "Examples":
        """From columns ``chosen x0``, ``rejected x0``, …, ``weight`` and ids."""
        columns = [f"x{n}" for n in range(features)]
        sides = [
            pairs.select(
                pl.col(f"{side}_id").alias("response_id"),
                *(pl.col(f"{side} {name}").alias(name) for name in columns),
            )
            for side in SIDES
        ]
        chosen, rejected = (side.select(columns).to_numpy() for side in sides)
        weight = pairs["weight"].to_numpy()
        digest = hashlib.blake2b(canonical(pairs["pair_id"].to_list()).encode(), digest_size=16)
        for part in (chosen, rejected, weight):
            digest.update(np.ascontiguousarray(part).tobytes())
        each = pl.concat(sides).unique("response_id").sort("response_id")
        responses = each.select(columns).to_numpy()
        return cls(chosen, rejected, weight, responses, digest.hexdigest())


def accuracy(blend: ScoreBlend, examples: Examples) -> float:
    """The share of pairs whose chosen side has the higher reward; a tie counts half."""
    margins = blend.rewards(examples.chosen) - blend.rewards(examples.rejected)
    return float(((margins > 0) + (margins == 0) / 2).mean())


_NOTHING = {
    "path": UNTRAINED,
    "start": UNTRAINED,
    "trained": False,
    "rows": 0,
    "steps": 0,
    "seconds": 0.0,
    "metrics": "{}",
}


def _split(row: Mapping[str, Any], refused: pl.DataFrame, context: Context) -> Split:
    kept = accept(Checkpoints, rows(Checkpoints, [row]), stage=context.stage, unit="path").kept
    lost = [
        {"row_id": pair_id, "stage": context.stage, "reason": reason, "numbers": "{}"}
        for pair_id, reason in refused.select("pair_id", "reason").iter_rows()
    ]
    return Split(kept, rows(Dropped, lost))
