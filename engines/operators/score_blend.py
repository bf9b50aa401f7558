"""A small reward of scores: what `trainers.Blend` fits and `annotators.Blended` reads."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from engines.protocol import EngineError

Floats = npt.NDArray[np.float64]

FILE = "blend.safetensors"

UNTRAINED = "no weights"
"""The ``path`` and ``start`` of a blend that was not fitted: it rewards all scores with 0."""

Features = tuple[tuple[str, ...], ...]
"""The annotators of each stage of scores, in the order of the stages: each is a feature."""


@dataclass(frozen=True)
class ScoreBlend:
    """A reward r(x) of the scores x of a response.

    With z = (x − ``mean``) / ``deviation``, it is ``output`` · z or, with a ``hidden`` layer,
    ``output`` · tanh(``hidden`` · z + ``bias``).

    Attributes:
        features: which scores.
        mean: Float[features].
        deviation: Float[features]; 1 of a feature that did not vary.
        output: Float[features], or Float[units].
        hidden: Float[units, features]; None if there is no hidden layer.
        bias: Float[units]; None likewise.
    """

    features: Features
    mean: Floats
    deviation: Floats
    output: Floats
    hidden: Floats | None = None
    bias: Floats | None = None

    def rewards(self, scores: Floats) -> Floats:
        """Float[responses], from Float[responses, features]."""
        units = self._standardised(scores) if self.hidden is None else self._units(scores)
        return np.asarray(units @ self.output)

    def slopes(self, scores: Floats) -> Floats:
        """How much the reward rises with one standard deviation of each feature, the mean over
        ``scores``: Float[features], from Float[responses, features]."""
        if self.hidden is None:
            return self.output
        steepness = 1 - self._units(scores) ** 2
        return np.asarray((steepness * self.output).mean(axis=0) @ self.hidden)

    def _standardised(self, scores: Floats) -> Floats:
        return (scores - self.mean) / self.deviation

    def _units(self, scores: Floats) -> Floats:
        assert self.hidden is not None, "there are no hidden units"
        assert self.bias is not None, "hidden units have a bias"
        return np.tanh(self._standardised(scores) @ self.hidden.T + self.bias)

    def save(self, folder: Path) -> None:
        """Write it to ``folder``, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: getattr(self, name) for name in _TENSORS}
        set_tensors = {name: value for name, value in tensors.items() if value is not None}
        save_file(set_tensors, folder / FILE, metadata={"features": json.dumps(self.features)})

    @classmethod
    def load(cls, folder: Path) -> "ScoreBlend":
        """Read what `save` wrote.

        Raises:
            EngineError: there is no such file, or it is broken.
        """
        try:
            with safe_open(folder / FILE, "numpy") as file:
                features = json.loads(file.metadata()["features"])
                names = file.keys()
                tensors = {name: file.get_tensor(name) for name in names}
        except (OSError, SafetensorError) as error:
            raise EngineError(
                f"{folder} holds no blend of scores ({error}): run the stage that trains it again"
            ) from error
        return cls(tuple(tuple(each) for each in features), **tensors)


_TENSORS = ("mean", "deviation", "output", "hidden", "bias")


def features_of(tables: Mapping[str, pl.DataFrame], stages: Sequence[str]) -> Features:
    """The annotators of whole responses in each stage of scores, by name."""
    return tuple(
        tuple(tables[stage].filter(pl.col("step").is_null())["annotator"].unique().sort())
        for stage in stages
    )


def feature_names(features: Features, stages: Sequence[str]) -> list[str]:
    """A name for each feature: the annotator, after its stage if another one is called the same."""
    all_names = [annotator for each in features for annotator in each]
    return [
        annotator if all_names.count(annotator) == 1 else f"{stage}/{annotator}"
        for stage, each in zip(stages, features, strict=True)
        for annotator in each
    ]


def with_features(
    tables: Mapping[str, pl.DataFrame], stages: Sequence[str], features: Features
) -> pl.DataFrame:
    """``response_id`` and the columns ``x0``, ``x1``, … of the features; null where a response has
    no such score, or it is an error."""
    response_scores = {stage: tables[stage].filter(pl.col("step").is_null()) for stage in stages}
    features_by_response = pl.concat(
        response_scores[stage].select("response_id") for stage in stages
    ).unique()
    places = count()
    for stage, annotators in zip(stages, features, strict=True):
        for annotator in annotators:
            values = response_scores[stage].filter(pl.col("annotator") == annotator)
            values = values.select("response_id", pl.col("value").alias(f"x{next(places)}"))
            features_by_response = features_by_response.join(values, on="response_id", how="left")
    return features_by_response


def first_missing(columns: Mapping[str, str]) -> pl.Expr:
    """The text of the first of ``columns`` that is null, by column; null if none is."""
    texts = (pl.when(pl.col(name).is_null()).then(pl.lit(text)) for name, text in columns.items())
    return pl.coalesce(pl.lit(None, pl.String), *texts)
