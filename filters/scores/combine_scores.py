"""One score of a response from several."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import BeforeValidator, Field, model_validator

from filters.filter import Filter, refused
from filters.pairing import mean_scores
from filters.scores.formulas import Spread, spread, standardised, weighted
from schemas import Responses, Scores, Split, Table, Takes, canonical, columns


def _listed(stages: Any) -> Any:
    return [stages] if isinstance(stages, str) else stages


_BY_ANNOTATOR = ("mean", "min", "mixture")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "weights": ("sum", "gated"),
    "penalty": ("mean",),
    "spread": ("mean",),
    "share": ("mixture",),
    "nominal": ("mixture",),
    "threshold": ("gated",),
    "quantile": ("gated",),
    "baseline": ("centred",),
}
"""The rules that read an option."""


class CombineScores(Filter):
    """One score of each response, ``combined``, from the scores of the stages ``of``. With r_1 …
    r_k, the scores that are combined:

    | ``rule`` | score |
    |---|---|
    | ``sum`` | Σ w_i·r_i |
    | ``mean`` | the mean, less ``penalty`` times their ``spread``: ``variance`` or (standard) ``deviation`` |
    | ``min`` | the lowest |
    | ``mixture`` | ``share``·r_0 + (1 − ``share``)·the lowest, with r_0 the score of stage ``nominal``, or the mean |
    | ``gated`` | w_1·r_1, plus Σ w_i·r_i of the others where r_1 is at least ``threshold``, or its ``quantile`` over all kept |
    | ``centred`` | r_1, less the mean score of stage ``baseline`` over its responses to the prompt |
    | ``lexicographic`` | how many different (r_1, …, r_k) are lower; the first that differs decides |

    For ``mean``, ``min`` and ``mixture``, each annotator of each stage is a member of an ensemble.
    For the other rules, r_i is the mean over the annotators of a stage; ``weights`` are in the
    order of ``of``, by default 1. A spread is over k, not k − 1.

    ``standardise``: before that, from each r_i its mean is subtracted and the rest is divided by
    its standard deviation, over all responses that are kept (``stage``), or over those of them to
    the same prompt (``prompt``). Where these are all equal, it is 0. ``responses`` names the stages
    of the scored responses, which know their prompts.

    Only scores of whole responses are read. A response is dropped if one of its r_i is an error or
    is not there; nothing is put in its place. The ``raw`` text of a score has what was combined, in JSON.

    Source: Coste et al. 2023 (arXiv:2310.02743) for ``min`` and the mean less the variance; Yan et
    al. 2024 (arXiv:2409.15360) for ``mixture``; Lai et al. 2024 (arXiv:2403.06754) for ``gated``;
    Shen et al. 2024 (arXiv:2403.07708) for ``centred``.
    """  # noqa: E501  # a table cell cannot be broken

    gives: ClassVar[type[Table] | None] = Scores
    unit: ClassVar[str] = "response_id"

    of: Annotated[tuple[str, ...], Takes(Scores), BeforeValidator(_listed), Field(min_length=1)]
    rule: Literal["sum", "mean", "min", "mixture", "gated", "centred", "lexicographic"]
    responses: Annotated[tuple[str, ...], Takes(Responses), BeforeValidator(_listed)] = ()
    standardise: Literal["none", "stage", "prompt"] = "none"
    weights: tuple[float, ...] = ()
    penalty: float = Field(default=0.0, ge=0)
    spread: Spread = "variance"
    share: float = Field(default=0.5, ge=0, le=1)
    nominal: Annotated[str | None, Takes(Scores)] = None
    threshold: float | None = None
    quantile: float | None = Field(default=None, ge=0, le=1)
    baseline: Annotated[str | None, Takes(Scores)] = None

    @model_validator(mode="after")
    def _options_fit(self) -> "CombineScores":
        for option, rules in _OPTIONS.items():
            if option in self.model_fields_set and self.rule not in rules:
                raise ValueError(f"{option} is an option of rule {' and '.join(rules)}")
        if len(set(self.of)) < len(self.of):
            raise ValueError(f"a stage is named twice: {', '.join(self.of)}")
        if self.weights and len(self.weights) != len(self.of):
            raise ValueError(f"{len(self.weights)} weights of {len(self.of)} stages")
        if self.rule == "gated" and (
            (self.threshold is None) == (self.quantile is None) or len(self.of) == 1
        ):
            raise ValueError(
                "rule gated needs two stages, and a threshold of the first one or a quantile"
            )
        if self.rule == "centred" and (self.baseline is None or len(self.of) > 1):
            raise ValueError("rule centred needs one stage, and a baseline")
        if self.rule == "centred" and self.standardise != "none":
            raise ValueError("rule centred compares scores of one scale: leave out standardise")
        if (self.rule == "centred" or self.standardise == "prompt") and not self.responses:
            raise ValueError("responses is missing: the stages of the scored responses")
        return self

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        members = dict(self._members(tables))
        scored = pl.concat(tables[stage].select("response_id") for stage in self.of)
        scored = scored.unique(maintain_order=True).join(
            self._prompts(tables), on="response_id", how="left", maintain_order="left"
        )
        r = {name: pl.col(f"r{place}") for place, name in enumerate(members)}
        for column, scores in zip(r.values(), members.values(), strict=True):
            values = scores.select("response_id", pl.col("value").alias(column.meta.output_name()))
            scored = scored.join(values, on="response_id", how="left", maintain_order="left")
        if self.baseline is not None:
            before = self._baseline(tables[self.baseline], tables)
            scored = scored.join(before, on="prompt_id", how="left", maintain_order="left")
            r[self.baseline] = pl.col("baseline")
        missing = (pl.when(r[name].is_null()).then(pl.lit(f"no score of {name}")) for name in r)
        unknown = pl.col("prompt_id").is_null() & bool(self.responses)
        scored = scored.join(
            self._errors(tables), on="response_id", how="left", maintain_order="left"
        ).with_columns(
            reason=pl.coalesce(
                pl.when(unknown).then(pl.lit("response not found")), "reason", *missing
            )
        )
        complete = scored.filter(pl.col("reason").is_null())
        if self.standardise != "none":
            within = "prompt_id" if self.standardise == "prompt" else None
            complete = complete.with_columns(standardised(column, within) for column in r.values())
        kept = complete.with_columns(value=self._combined(list(r.values()))).select(
            "response_id",
            step=pl.lit(None),
            annotator=pl.lit("combined"),
            value=pl.col("value").round_sig_figs(12),  # So that ties stay ties.
            raw=pl.struct(column.alias(name) for name, column in r.items()).struct.json_encode(),
            error=pl.lit(None),
            mass=pl.lit(None),
            origin=pl.struct(
                operator=pl.lit("filters.CombineScores"),
                model=pl.lit(None, pl.String),
                parameters=pl.lit(canonical({"rule": self.rule})),
                seed=pl.lit(None, pl.UInt64),
                parents=pl.lit([], pl.List(pl.String)),
            ),
        )
        dropped = refused(
            scored.filter(pl.col("reason").is_not_null()), "response_id", pl.col("reason")
        )
        return Split(kept.cast(columns(Scores)), dropped)

    def _members(self, tables: Mapping[str, pl.DataFrame]) -> Iterator[tuple[str, pl.DataFrame]]:
        """``response_id`` and ``value`` of what is combined, by name; the nominal score last."""
        for stage in self.of:
            response_scores = tables[stage].filter(pl.col("step").is_null())
            # A model that fails before it knows how many heads it has has one error for all.
            annotators = response_scores.drop_nulls("value")["annotator"].unique().sort()
            if self.rule not in _BY_ANNOTATOR or annotators.is_empty():
                yield stage, mean_scores(response_scores)
                continue
            for name in annotators:
                yield f"{stage}/{name}", response_scores.filter(pl.col("annotator") == name)
        if self.nominal is not None:
            yield self.nominal, mean_scores(tables[self.nominal])

    def _errors(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """``response_id`` and ``reason`` of responses that a member of an ensemble failed at."""
        stages = self.of if self.rule in _BY_ANNOTATOR else ()
        no_errors = pl.DataFrame(schema={"response_id": pl.String, "reason": pl.String})
        failed = [
            tables[stage]
            .filter(pl.col("step").is_null() & pl.col("value").is_null())
            .select(
                "response_id",
                reason=f"the score of {stage}/" + pl.col("annotator") + " is an error",
            )
            for stage in stages
        ]
        return pl.concat([no_errors, *failed]).unique(
            "response_id", keep="first", maintain_order=True
        )

    def _prompts(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """``response_id`` and ``prompt_id`` of all ``responses``."""
        schema = {"response_id": pl.String, "prompt_id": pl.String}
        each = [tables[stage].select(*schema) for stage in self.responses]
        return pl.concat([pl.DataFrame(schema=schema), *each]).unique("response_id")

    def _baseline(self, scores: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """``prompt_id`` and ``baseline``, the mean score of the baseline's responses to it."""
        scored = mean_scores(scores).join(self._prompts(tables), on="response_id")
        return scored.group_by("prompt_id").agg(baseline=pl.col("value").drop_nulls().sort().mean())

    def _combined(self, r: list[pl.Expr]) -> pl.Expr:
        weights = self.weights or [1.0] * len(self.of)
        match self.rule:
            case "sum":
                return weighted(r, weights)
            case "mean":
                return pl.mean_horizontal(r) - self.penalty * spread(r, self.spread)
            case "min":
                return pl.min_horizontal(r)
            case "mixture":
                members = r if self.nominal is None else r[:-1]
                nominal = pl.mean_horizontal(r) if self.nominal is None else r[-1]
                return self.share * nominal + (1 - self.share) * pl.min_horizontal(members)
            case "gated":
                least = pl.lit(self.threshold)
                if self.quantile is not None:
                    least = r[0].quantile(self.quantile, "linear")
                passes = pl.when(r[0] >= least).then(weighted(r[1:], weights[1:]))
                return weights[0] * r[0] + passes.otherwise(0.0)
            case "centred":
                return r[0] - r[1]
            case "lexicographic":
                return pl.struct(r).rank("dense") - 1.0
