"""What is learnt from preferences and labels: pairs, rankings and step labels."""

import polars as pl

from schemas.imports import dataframely as dy
from schemas.messages import contents, message_list, none_empty
from schemas.tables.table import Table, step_spans, tiled


class Pairs(Table):
    """A preference. ``weight`` is the confidence C that ``chosen`` is better.

    ``token_weights`` has one weight for each token of each side, by the policy's tokenizer.
    ``shared_prefix`` is the number of characters at the beginning that both sides share and that
    get no credit. ``ends`` says for each side whether the answer ends there. A step inside an
    answer does not end it, and an answer that was cut off does not end. Null: both are complete
    answers. ``annotator`` is whose preference it is, where annotators differ in what they prefer;
    null if it is no single annotator's.
    """

    pair_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    prompt = message_list()
    chosen = message_list()
    rejected = message_list()
    chosen_id = dy.String()
    rejected_id = dy.String()
    margin = dy.Float64(nullable=True)
    weight = dy.Float64(min=0, max=1)
    shared_prefix = dy.UInt32(nullable=True)
    token_weights = dy.Struct(
        {"chosen": dy.List(dy.Float32()), "rejected": dy.List(dy.Float32())}, nullable=True
    )
    ends = dy.Struct({"chosen": dy.Bool(), "rejected": dy.Bool()}, nullable=True)
    annotator = dy.String(nullable=True, min_length=1)

    @classmethod
    def texts(cls) -> dict[str, pl.Expr]:
        """Both sides."""
        return {side: contents(pl.col(side)) for side in ("chosen", "rejected")}

    @classmethod
    def preceding_messages(cls) -> pl.Expr:
        """The prompt."""
        return pl.col("prompt")

    @dy.rule()
    def chosen_differs_from_rejected(cls) -> pl.Expr:
        return pl.col("chosen") != pl.col("rejected")

    @dy.rule()
    def both_begin_with_the_shared_prefix(cls) -> pl.Expr:
        sides = [
            pl.col(side).list.last().struct.field("content") for side in ("chosen", "rejected")
        ]
        chosen, rejected = (text.str.head(pl.col("shared_prefix")) for text in sides)
        long_enough = chosen.str.len_chars() == pl.col("shared_prefix")
        return pl.col("shared_prefix").is_null() | ((chosen == rejected) & long_enough)

    @dy.rule()
    def both_not_empty(cls) -> pl.Expr:
        return none_empty(pl.col("chosen")) & none_empty(pl.col("rejected"))

    @dy.rule()
    def weight_finite(cls) -> pl.Expr:
        return pl.col("weight").is_finite()

    @dy.rule()
    def margin_finite(cls) -> pl.Expr:
        return pl.col("margin").is_finite() | pl.col("margin").is_null()


class StepLabels(Table):
    """A solution with labels of its steps. ``first_error`` counts from 0; it is null if no step is
    known to be wrong.

    ``completions`` are the texts of the steps; joined they are the solution. ``spans`` are their
    places. A null label is not used in training. ``values`` are the numbers behind the labels, and
    the targets of soft losses.
    """

    response_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    prompt = message_list()
    completions = dy.List(dy.String(), min_length=1)
    spans = step_spans()
    labels = dy.List(dy.Bool(nullable=True))
    values = dy.List(dy.Float64(nullable=True))
    first_error = dy.Int32(nullable=True)

    @classmethod
    def texts(cls) -> dict[str, pl.Expr]:
        """The full solution."""
        return {"solution": pl.col("completions").list.join("")}

    @classmethod
    def preceding_messages(cls) -> pl.Expr:
        """The prompt."""
        return pl.col("prompt")

    @dy.rule()
    def a_label_a_step(cls) -> pl.Expr:
        return pl.col("labels").list.len() == pl.col("completions").list.len()

    @dy.rule()
    def a_value_a_step(cls) -> pl.Expr:
        return pl.col("values").list.len() == pl.col("completions").list.len()

    @dy.rule()
    def spans_are_the_steps(cls) -> pl.Expr:
        lengths = pl.col("completions").list.eval(pl.element().str.len_chars())
        spans = pl.col("spans").list.eval(
            pl.element().struct.field("end") - pl.element().struct.field("start")
        )
        return tiled("spans", lengths.list.sum()) & (pl.col("spans").is_null() | (spans == lengths))

    @dy.rule()
    def values_are_numbers(cls) -> pl.Expr:
        return (
            pl.col("values")
            .list.eval(pl.element().is_not_nan() | pl.element().is_null())
            .list.all()
        )

    @dy.rule()
    def first_error_is_a_step(cls) -> pl.Expr:
        return pl.col("first_error").is_null() | pl.col("first_error").is_between(
            0, pl.col("completions").list.len().cast(pl.Int32) - 1
        )


class Rankings(Table):
    """Several answers to one prompt with a reward each, best first.

    ``steps``: for each answer, the end of each of its steps, in characters; the last one is the end
    of the answer. ``ends``: for each answer, whether it ends there or was cut off. Null: all are
    complete answers.
    """

    ranking_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    prompt = message_list()
    completions = dy.List(dy.String(), min_length=2)
    rewards = dy.List(dy.Float64(), min_length=2)
    steps = dy.List(dy.List(dy.UInt32(), min_length=1))
    ends = dy.List(dy.Bool(), nullable=True)

    @dy.rule()
    def an_end_a_completion(cls) -> pl.Expr:
        same = pl.col("ends").list.len() == pl.col("completions").list.len()
        return pl.col("ends").is_null() | same

    @dy.rule()
    def a_reward_a_completion(cls) -> pl.Expr:
        return pl.col("rewards").list.len() == pl.col("completions").list.len()

    @dy.rule()
    def steps_are_the_completions(cls) -> pl.Expr:
        lengths = pl.col("completions").list.eval(pl.element().str.len_chars())
        # As signed numbers: a difference of unsigned numbers is never negative.
        places = pl.element().cast(pl.List(pl.Int64))
        steps = places.list.diff().list.slice(1).list.min().fill_null(1)
        rising = pl.min_horizontal(steps, places.list.first()) > 0
        return (pl.col("steps").list.eval(pl.element().list.last()) == lengths) & pl.col(
            "steps"
        ).list.eval(rising).list.all()

    @dy.rule()
    def completions_differ(cls) -> pl.Expr:
        return pl.col("completions").list.n_unique() == pl.col("completions").list.len()

    @dy.rule()
    def rewards_fall_and_are_finite(cls) -> pl.Expr:
        falls = pl.col("rewards").list.diff().list.slice(1).list.max() <= 0
        return falls & pl.col("rewards").list.eval(pl.element().is_finite()).list.all()
