"""Labels of steps, from the values of the prefixes that end with them."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, model_validator

from filters.cut_off import CutAnswer, is_complete
from filters.filter import Filter, refused
from filters.steps.step_rules import After, Rule, judged, settled
from schemas import Prompts, Responses, Scores, Split, StepLabels, Table, Takes, columns


class LabelSteps(Filter):
    """Labels each step of a response by ``by``, scores of its prefixes v (`annotators.RolloutValue`,
    `annotators.FirstError`, `annotators.StepVerifier`), the prompt's own at step −1.

    | ``rule`` | a step is right where | and worth | source |
    |---|---|---|---|
    | ``hard`` | v > ``threshold`` | 1, else 0 | Math-Shepherd's hard estimate (arXiv:2312.08935) |
    | ``soft`` | v > ``threshold`` | v | its soft estimate, OmegaPRM (arXiv:2406.06592) |
    | ``signed`` | v > ``threshold`` | 1, else −1 | Wu et al. 2023 (arXiv:2306.01693), of one type of error |
    | ``logmeanexp`` | its worth > ``threshold`` | ln(1 − v + v·e^η)/η, the log-mean-exp of rollouts that are 1 or 0 | ER-PRM (arXiv:2412.11006) |
    | ``optimal`` | v > ``threshold`` of it or of a later step, whose beginning it is | 1, else 0 | GLoRe's V* (arXiv:2402.10963) |
    | ``advantage`` | its worth ≥ ``threshold`` | v − v of the step before | PAV (arXiv:2410.08146), with v by another prover |
    | ``progress`` | its worth ≥ ``threshold`` | the same, with v by forced answers (``force``) | MRT (arXiv:2503.07572) |
    | ``first_error`` | it is before the index that the response has as a whole | 1, else 0 | |

    With ``prover``, rule ``advantage`` uses the differences of that stage's values, and the worth of
    a step is v + ``alpha`` · difference: PAV's effective reward, Q of the policy and A of the
    prover. ``after``: steps after the first wrong one keep their labels, have none, or are wrong
    too. A step without a value (not examined, or its score is an error) has no label, except by the
    rules above that give one. The last step of a response that was cut off is a part of a step and
    has no label, unless ``cut: keep``. Several scores of a prefix count as their mean; those of a whole
    response must agree.

    The default of ``eta`` could not be confirmed in the paper; the authors' script has 1. A response without steps, or without
    a known step, is dropped.
    """  # noqa: E501  # a table cell cannot be broken

    gives: ClassVar[type[Table] | None] = StepLabels
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)] = "responses"
    by: Annotated[str, Takes(Scores)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    rule: Rule = "hard"
    threshold: float = 0.0
    eta: float = Field(default=2.0, gt=0, le=100)
    prover: Annotated[str | None, Takes(Scores)] = None
    alpha: float = Field(default=1.0, ge=0)
    after: After = "keep"
    cut: CutAnswer = "refuse"

    @model_validator(mode="after")
    def _prover_advances(self) -> "LabelSteps":
        if self.prover is not None and self.rule != "advantage":
            raise ValueError("'prover' needs rule: advantage")
        return self

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        messages = tables[self.prompts].select("prompt_id", pl.col("messages").alias("prompt"))
        responses = (
            tables[self.of]
            .select("response_id", "prompt_id", "text", "steps", "finish")
            .join(messages, on="prompt_id", how="left", maintain_order="left")
            .with_row_index("place")
        )
        step_values = valued(each_step(responses), tables[self.prover or self.by])
        steps = judged(step_values, self.rule, threshold=self.threshold, eta=self.eta)
        if self.prover is not None:
            policy_steps = valued(each_step(responses), tables[self.by])
            steps = steps.with_columns(worth=policy_steps["value"] + self.alpha * steps["worth"])
        if self.cut == "refuse":
            steps = without_parts(steps, responses)
        labelled = settled(steps, self.rule, self.after)
        lists = labelled.group_by("place").agg(
            completions=pl.col("completion"),
            labels=pl.col("label"),
            values=pl.col("worth"),
            first_error=pl.col("first_error").first(),
            known=pl.col("label").count(),
            scored=pl.col("value").count(),
            errors=pl.col("errors").sum() + pl.col("whole_errors").first(),
        )
        judged_responses = responses.join(
            lists, on="place", how="left", maintain_order="left"
        ).with_columns(
            reason=pl.when(pl.col("steps").is_null())
            .then(pl.lit("not cut into steps"))
            .when(pl.col("prompt").is_null())
            .then(pl.lit("prompt not found"))
            .when(pl.col("known") == 0)
            .then(pl.lit("no step is known"))
        )
        numbers = {name: pl.col(name) for name in ("scored", "errors")}
        return Split(
            judged_responses.filter(pl.col("reason").is_null()).select(
                *(
                    pl.col("steps").alias(name) if name == "spans" else pl.col(name)
                    for name in columns(StepLabels)
                )
            ),
            refused(
                judged_responses.filter(pl.col("reason").is_not_null()),
                "response_id",
                pl.col("reason"),
                **numbers,
            ),
        )


def without_parts(steps: pl.DataFrame, responses: pl.DataFrame) -> pl.DataFrame:
    """``steps`` without the label and the worth of the last step of each of ``responses`` that was
    cut off."""
    cut = responses.filter(~is_complete())["place"]
    last = pl.col("step") == pl.col("step").max().over("place")
    part = last & pl.col("place").is_in(cut.implode())
    return steps.with_columns(pl.when(~part).then(name).alias(name) for name in ("label", "worth"))


def each_step(responses: pl.DataFrame) -> pl.DataFrame:
    """One row per step of the responses with steps: ``place`` and ``response_id`` of its response,
    ``step``, and its text ``completion``."""
    start, end = pl.col("start"), pl.col("end")
    return (
        responses.filter(pl.col("steps").is_not_null())
        .select("place", "response_id", "text", "steps")
        .explode("steps")
        .unnest("steps")
        .select(
            "place",
            "response_id",
            step=pl.int_range(pl.len(), dtype=pl.Int32).over("place"),
            completion=pl.col("text").str.slice(start, end - start),
        )
    )


def valued(steps: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """``steps`` with ``value`` and ``before`` (`filters.steps.step_rules`), ``first``, the score of
    the whole response, and the numbers of errors among the scores of the step (``errors``) and of
    the whole (``whole_errors``)."""
    values = pl.col("value").drop_nulls()
    by_step = scores.group_by("response_id", "step").agg(
        # The mean of equal values may differ from them in the last bit.
        value=pl.when(values.n_unique() == 1).then(values.first()).otherwise(values.sort().mean()),
        agreed=pl.when(values.n_unique() == 1).then(values.first()),
        errors=pl.col("error").count(),
    )
    root = by_step.filter(pl.col("step") == -1).select("response_id", root="value")
    final = by_step.filter(pl.col("step").is_null()).select(
        "response_id", first="agreed", whole_errors="errors"
    )
    return (
        steps.join(
            by_step.drop("agreed"), on=["response_id", "step"], how="left", maintain_order="left"
        )
        .join(root, on="response_id", how="left", maintain_order="left")
        .join(final, on="response_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("errors", "whole_errors").fill_null(0),
            before=pl.when(pl.col("step") == 0)
            .then("root")
            .otherwise(pl.col("value").shift(1).over("place")),
        )
    )
