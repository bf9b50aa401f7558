"""What annotators say about responses, and the criteria by which they do."""

import polars as pl

from schemas.imports import dataframely as dy
from schemas.tables.table import Table, origin_struct


class Scores(Table):
    """One annotator's score of one response, or of one step of it.

    ``step`` counts from 0. It is null for the full response, and -1 for the prompt before any step
    (the value of an empty prefix). The value of a prefix has the number of its last step. ``raw``
    keeps the judge's text even if it could not be parsed. Then ``value`` is null and ``error`` says
    why. ``mass``: if a model chose among options (grades, yes or no), the probability of all of
    them together, the lowest of the questions behind the score; null if it is not known.
    """

    response_id = dy.String()
    step = dy.Int32(nullable=True)
    annotator = dy.String(min_length=1)
    value = dy.Float64(nullable=True)
    raw = dy.String(nullable=True)
    error = dy.String(nullable=True)
    mass = dy.Float64(nullable=True, min=0, max=1)
    origin = origin_struct()

    @dy.rule()
    def value_finite(cls) -> pl.Expr:
        return pl.col("value").is_finite() | pl.col("value").is_null()

    @dy.rule()
    def value_or_error(cls) -> pl.Expr:
        return pl.col("value").is_null() == pl.col("error").is_not_null()

    @dy.rule()
    def one_score_a_step(cls) -> pl.Expr:
        return pl.struct("response_id", "step", "annotator").is_unique()


class TokenScores(Table):
    """One annotator's score of each token of a response, by the tokenizer of one model.

    ``values`` has a number for each token of the text alone, and ``end_value`` that of the token
    that ends the turn; null if the response was cut off. ``token_ends`` has the end of each token,
    in characters of the text; several tokens of one character have the same end. ``tokenizer``
    identifies the tokenizer: numbers are used only with a tokenizer that splits the text in the
    same way.
    """

    response_id = dy.String(primary_key=True)
    annotator = dy.String(primary_key=True, min_length=1)
    tokenizer = dy.String(min_length=1)
    token_ends = dy.List(dy.UInt32(), min_length=1)
    values = dy.List(dy.Float32(), min_length=1)
    end_value = dy.Float32(nullable=True)
    origin = origin_struct()

    @dy.rule()
    def a_value_a_token(cls) -> pl.Expr:
        return pl.col("values").list.len() == pl.col("token_ends").list.len()

    @dy.rule()
    def values_finite(cls) -> pl.Expr:
        end = pl.col("end_value").is_finite() | pl.col("end_value").is_null()
        return pl.col("values").list.eval(pl.element().is_finite()).list.all() & end

    @dy.rule()
    def tokens_follow(cls) -> pl.Expr:
        # As signed numbers: a difference of unsigned numbers is never negative.
        steps = pl.col("token_ends").list.eval(pl.element().cast(pl.Int64).diff())
        return steps.list.slice(1).list.min().fill_null(0) >= 0


class Criteria(Table):
    """What responses are judged by: a principle, a rule, an item of a rubric, or a fact that they
    should state.

    A criterion is of one prompt, or of all if ``prompt_id`` is null. ``rubric`` names the set that
    it belongs to, and ``version`` counts how often that set was rewritten, from 1. ``name`` is
    short and unique in its set; ``text`` is what a judge reads. ``kind``: "graded" on a scale,
    "yes_no", or "counted" (how often a response does it). ``negated``: a response that fulfils it
    is worse. ``weight`` is what it counts for in a sum of criteria. ``source`` says where it comes
    from (a paper, a file), null if a stage wrote it; the parents of ``origin`` are then the rows
    that it was made from.
    """

    criterion_id = dy.String(primary_key=True)
    prompt_id = dy.String(nullable=True)
    rubric = dy.String(min_length=1)
    version = dy.UInt32(min=1)
    name = dy.String(min_length=1)
    text = dy.String(min_length=1)
    kind = dy.Enum(["graded", "yes_no", "counted"])
    negated = dy.Bool()
    weight = dy.Float64(min=0)
    source = dy.String(nullable=True)
    origin = origin_struct()

    @classmethod
    def texts(cls) -> dict[str, pl.Expr]:
        """The criterion."""
        return {"criterion": pl.col("text")}

    @dy.rule()
    def weight_finite(cls) -> pl.Expr:
        return pl.col("weight").is_finite()

    @dy.rule()
    def one_criterion_a_name(cls) -> pl.Expr:
        return pl.struct("prompt_id", "rubric", "version", "name").is_unique()
