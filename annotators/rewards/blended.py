"""One reward from the scores of several annotators, by a small model that was fitted to pairs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from engines.context import Context
from engines.operators.score_blend import (
    ScoreBlend,
    feature_names,
    features_of,
    first_missing,
    with_features,
)
from engines.protocol import EngineError
from schemas import (
    Checkpoints,
    Dropped,
    Operator,
    Responses,
    Scores,
    Split,
    Table,
    Takes,
    columns,
    empty,
)


class Blended(Operator):
    """Scores a response by the reward that `trainers.Blend` fitted, in the stage ``checkpoint``, to
    scores. Calls no model.

    ``by`` names the stages of the scores of these responses, in the order of the trainer's. The
    annotator is ``blended``, the unit nats of preference, and ``raw`` has the scores, in JSON. A
    response that lacks one of them is dropped. If nothing was fitted, all scores are 0.
    """

    gives: ClassVar[type[Table]] = Scores
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)] = "responses"
    by: Annotated[tuple[str, ...], Takes(Scores), Field(min_length=1)]
    checkpoint: Annotated[str, Takes(Checkpoints, tasks=("BLEND",))]

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """One score per response, in their order.

        Raises:
            EngineError: the scores are not those of the features that the blend was fitted to.
        """
        responses = tables[self.of].select("response_id")
        row = tables[self.checkpoint].row(0, named=True)
        if not row["trained"]:
            return Split(_scores(responses.with_columns(value=0.0, raw=None), None), empty(Dropped))
        folder = Path(row["path"])
        blend = ScoreBlend.load(folder)
        self._refuse_others(blend, tables, context)
        names = dict(enumerate(feature_names(blend.features, self.by)))
        with_scores = responses.join(
            with_features(tables, self.by, blend.features),
            on="response_id",
            how="left",
            maintain_order="left",
        ).with_columns(
            reason=first_missing({f"x{n}": f"no score of {name}" for n, name in names.items()})
        )
        complete = with_scores.filter(pl.col("reason").is_null())
        scores = complete.select(f"x{n}" for n in names)
        raw = pl.struct(pl.col(f"x{n}").alias(name) for n, name in names.items())
        scored = complete.with_columns(
            value=pl.Series(blend.rewards(scores.to_numpy())), raw=raw.struct.json_encode()
        )
        lost = with_scores.filter(pl.col("reason").is_not_null()).select(
            row_id="response_id", stage=pl.lit(context.stage), reason="reason", numbers=pl.lit("{}")
        )
        return Split(_scores(scored, _revision(folder)), lost.cast(columns(Dropped)))

    def _refuse_others(
        self, blend: ScoreBlend, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> None:
        where = f"recipe {context.recipe!r}, stage {context.stage!r}"
        if len(blend.features) != len(self.by):
            raise EngineError(
                f"{where}: by names {len(self.by)} stages of scores, and stage "
                f"{self.checkpoint!r} was fitted to {len(blend.features)}: name as many, in its "
                "order"
            )
        stage_features = features_of(tables, self.by)
        for stage, fitted, features in zip(self.by, blend.features, stage_features, strict=True):
            if features and features != fitted:
                raise EngineError(
                    f"{where}: stage {stage!r} has scores of {', '.join(features)}, and stage "
                    f"{self.checkpoint!r} was fitted to scores of {', '.join(fitted)}: name stages "
                    "of the same annotators, in the order of its by"
                )


def _scores(scored: pl.DataFrame, model: str | None) -> pl.DataFrame:
    """Rows of `Scores` from ``response_id``, ``value`` and ``raw``."""
    return scored.select(
        "response_id",
        step=pl.lit(None),
        annotator=pl.lit("blended"),
        value=pl.col("value"),
        raw=pl.col("raw"),
        error=pl.lit(None),
        mass=pl.lit(None),
        origin=pl.struct(
            operator=pl.lit("annotators.Blended"),
            model=pl.lit(model, pl.String),
            parameters=pl.lit("{}"),
            seed=pl.lit(None, pl.UInt64),
            parents=pl.lit([], pl.List(pl.String)),
        ),
    ).cast(columns(Scores))


def _revision(folder: Path) -> str:
    """The identity of a fitted blend."""
    return str(json.loads((folder / "training.json").read_bytes())["identity_digest"])
