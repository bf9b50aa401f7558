"""The shape of all data: one dataframely schema a table.

Tables are long: a second judge adds rows, never columns. Every schema's rules are checked where a
stage hands its rows on (`schemas.accept`); a row that breaks one goes to `Dropped` under the
rule's name.
"""

import dataframely as dy
import polars as pl


class Table(dy.Schema):
    """The base of all tables."""


def _messages(*, nullable: bool = False) -> dy.List:
    return dy.List(
        dy.Struct({"role": dy.String(), "content": dy.String()}), nullable=nullable, min_length=1
    )


def _origin() -> dy.Struct:
    """What made a row: enough to make it again."""
    return dy.Struct(
        {
            "operator": dy.String(),
            "model": dy.String(nullable=True),
            "parameters": dy.String(),
            "seed": dy.UInt64(nullable=True),
            "parents": dy.List(dy.String()),
        }
    )


def _spoken(column: str) -> pl.Expr:
    """Every message says something."""
    return (
        pl.col(column)
        .list.eval(pl.element().struct.field("content").str.strip_chars().str.len_chars() > 0)
        .list.all()
    )


class Prompts(Table):
    """A task to answer."""

    prompt_id = dy.String(primary_key=True)
    messages = _messages()
    reference = dy.String(nullable=True)
    source = dy.String(min_length=1)
    source_revision = dy.String()
    licence = dy.String()

    @dy.rule()
    def messages_not_empty(cls) -> pl.Expr:
        return _spoken("messages")

    @dy.rule()
    def ends_with_the_user(cls) -> pl.Expr:
        return pl.col("messages").list.last().struct.field("role") == "user"


class Responses(Table):
    """One text written for a prompt. ``finish`` is how it ended: by the model or at the limit."""

    response_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    text = dy.String()
    steps = dy.List(dy.String(), nullable=True)
    finish = dy.Enum(["stop", "length"])
    tokens = dy.UInt32()
    origin = _origin()

    @dy.rule()
    def text_not_empty(cls) -> pl.Expr:
        return pl.col("text").str.strip_chars().str.len_chars() > 0


class Scores(Table):
    """One annotator's opinion of one response, or of one step of it.

    ``raw`` keeps the judge's own words even where they could not be parsed; then ``value`` is null
    and ``error`` says why.
    """

    response_id = dy.String()
    step = dy.Int32(nullable=True)
    annotator = dy.String(min_length=1)
    value = dy.Float64(nullable=True)
    raw = dy.String(nullable=True)
    error = dy.String(nullable=True)
    origin = _origin()

    @dy.rule()
    def value_finite(cls) -> pl.Expr:
        return pl.col("value").is_finite() | pl.col("value").is_null()

    @dy.rule()
    def value_or_error(cls) -> pl.Expr:
        return pl.col("value").is_null() == pl.col("error").is_not_null()

    @dy.rule()
    def one_score_a_step(cls) -> pl.Expr:
        return pl.struct("response_id", "step", "annotator").is_unique()


class Nodes(Table):
    """One node of a search tree; a root has no parent. ``value`` is in [0, 1]."""

    node_id = dy.String(primary_key=True)
    parent_id = dy.String(nullable=True)
    prompt_id = dy.String()
    step = dy.String()
    visits = dy.UInt32()
    value = dy.Float64(nullable=True, min=0, max=1)
    terminal_correct = dy.Bool(nullable=True)


class Pairs(Table):
    """A preference. ``weight`` is the confidence C that ``chosen`` really is the better one.

    ``token_weights`` holds one weight for each token of either side, under the policy's tokenizer;
    ``shared_prefix`` is the number of characters that both sides begin with and neither is
    credited for.
    """

    pair_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    prompt = _messages()
    chosen = _messages()
    rejected = _messages()
    chosen_id = dy.String()
    rejected_id = dy.String()
    margin = dy.Float64(nullable=True)
    weight = dy.Float64(min=0, max=1)
    shared_prefix = dy.UInt32(nullable=True)
    token_weights = dy.Struct(
        {"chosen": dy.List(dy.Float32()), "rejected": dy.List(dy.Float32())}, nullable=True
    )

    @dy.rule()
    def chosen_differs_from_rejected(cls) -> pl.Expr:
        return pl.col("chosen") != pl.col("rejected")

    @dy.rule()
    def both_not_empty(cls) -> pl.Expr:
        return _spoken("chosen") & _spoken("rejected")

    @dy.rule()
    def weight_finite(cls) -> pl.Expr:
        return pl.col("weight").is_finite()

    @dy.rule()
    def margin_finite(cls) -> pl.Expr:
        return pl.col("margin").is_finite() | pl.col("margin").is_null()


class StepLabels(Table):
    """A solution with its steps judged; ``first_error`` counts from 0."""

    response_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    prompt = _messages()
    completions = dy.List(dy.String(), min_length=1)
    labels = dy.List(dy.Bool(nullable=True))
    values = dy.List(dy.Float64(nullable=True))
    first_error = dy.Int32(nullable=True)

    @dy.rule()
    def a_label_a_step(cls) -> pl.Expr:
        return pl.col("labels").list.len() == pl.col("completions").list.len()


class Demonstrations(Table):
    """An SFT example. ``loss_spans`` are [start, end) characters of the last message."""

    demonstration_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    messages = _messages()
    response_id = dy.String(nullable=True)
    loss_spans = dy.List(dy.List(dy.UInt32()), nullable=True)
    condition = dy.String(nullable=True)

    @dy.rule()
    def messages_not_empty(cls) -> pl.Expr:
        return _spoken("messages")

    @dy.rule()
    def ends_with_the_assistant(cls) -> pl.Expr:
        return pl.col("messages").list.last().struct.field("role") == "assistant"


class Checkpoints(Table):
    """A trained model: where its safetensors lie, what it started from, how training went.

    ``path`` equals ``start`` where nothing was trained; ``reason`` then says why.
    ``metrics`` is a JSON object (final loss, reward accuracy, ...).
    """

    path = dy.String(primary_key=True)
    start = dy.String()
    trained = dy.Bool()
    reason = dy.String(nullable=True)
    rows = dy.UInt32()
    steps = dy.UInt32()
    seconds = dy.Float64()
    metrics = dy.String()


class Evaluations(Table):
    """One held-out prompt answered by a policy and by the policy it started from.

    ``greedy_*``: was the greedy answer right. ``right_*`` of ``samples`` sampled answers were.
    """

    prompt_id = dy.String(primary_key=True)
    greedy_before = dy.Bool()
    greedy_after = dy.Bool()
    samples = dy.UInt32()
    right_before = dy.UInt32()
    right_after = dy.UInt32()


class Dropped(Table):
    """A row that a stage refused, why, and the numbers that decided it (a JSON object)."""

    row_id = dy.String()
    stage = dy.String(min_length=1)
    reason = dy.String(min_length=1)
    numbers = dy.String()
