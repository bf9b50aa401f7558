"""The tables: one dataframely schema per table.

Tables are long: a second judge adds rows, never columns. The rules are checked on the output of
each stage (`schemas.accept`). A row that breaks a rule goes to `Dropped`, with the rule's name as
the reason.
"""

import polars as pl

from schemas.imports import dataframely as dy
from schemas.messages import (
    all_of_known_roles,
    all_spoken,
    contents,
    message_list,
    of_system,
)


class Table(dy.Schema):
    """The base of all tables."""

    @classmethod
    def texts(cls) -> dict[str, pl.Expr]:
        """The texts of a row that filters compare and judge, by name."""
        return {}

    @classmethod
    def preceding_messages(cls) -> pl.Expr | None:
        """The messages before these texts; None if the table does not have them."""
        return None


def _origin() -> dy.Struct:
    """The operator, model, parameters, seed and parents that reproduce a row."""
    return dy.Struct(
        {
            "operator": dy.String(),
            "model": dy.String(nullable=True),
            "parameters": dy.String(),
            "seed": dy.UInt64(nullable=True),
            "parents": dy.List(dy.String()),
        }
    )


def _spans() -> dy.List:
    """The places of a text's steps. They are contiguous and cover the full text.

    ``start`` and ``end`` count characters, [start, end). ``token_start`` and ``token_end`` count
    tokens of the text alone, by the tokenizer of the model for which it was cut. A step ends only
    where the text before it, tokenised alone, has the same tokens. So continuing a prefix or
    scoring a step never changes its tokens.
    """
    return dy.List(
        dy.Struct(
            {
                "start": dy.UInt32(),
                "end": dy.UInt32(),
                "token_start": dy.UInt32(),
                "token_end": dy.UInt32(),
            }
        ),
        nullable=True,
    )


def _tiled(column: str, end: pl.Expr) -> pl.Expr:
    """Whether spans are contiguous from 0 to ``end``, and none is empty."""
    start, stop = (pl.element().struct.field(name) for name in ("start", "end"))
    token_start, token_stop = (
        pl.element().struct.field(f"token_{name}") for name in ("start", "end")
    )
    follows = (
        (start == stop.shift(1, fill_value=0))
        & (stop > start)
        & (token_start == token_stop.shift(1, fill_value=0))
        & (token_stop > token_start)
    )
    whole = (pl.col(column).list.last().struct.field("end") == end).fill_null(False)
    return pl.col(column).is_null() | (pl.col(column).list.eval(follows).list.all() & whole)


class Prompts(Table):
    """A task to answer."""

    prompt_id = dy.String(primary_key=True)
    messages = message_list()
    reference = dy.String(nullable=True)
    source = dy.String(min_length=1)
    source_revision = dy.String()
    licence = dy.String()

    @classmethod
    def texts(cls) -> dict[str, pl.Expr]:
        """All messages but those of the system."""
        return {"prompt": contents(of_system(pl.col("messages"), wanted=False))}

    @classmethod
    def preceding_messages(cls) -> pl.Expr:
        """The system messages."""
        return of_system(pl.col("messages"), wanted=True)

    @dy.rule()
    def messages_not_empty(cls) -> pl.Expr:
        return all_spoken(pl.col("messages"))

    @dy.rule()
    def messages_of_known_roles(cls) -> pl.Expr:
        return all_of_known_roles(pl.col("messages"))

    @dy.rule()
    def ends_with_the_user(cls) -> pl.Expr:
        # What a tool gave is answered too.
        return pl.col("messages").list.last().struct.field("role").is_in(["user", "tool"])


class Responses(Table):
    """One response. ``finish``: "stop" if the model ended it, "length" if it was cut off.

    ``reasoning`` is the model's thought before the text, null if there is none. ``tokens`` counts
    both. ``steps`` has the places of the text's steps, if it was cut into steps
    (`generators.Segment`).
    """

    response_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    text = dy.String()
    reasoning = dy.String(nullable=True)
    steps = _spans()
    finish = dy.Enum(["stop", "length"])
    tokens = dy.UInt32()
    origin = _origin()

    @classmethod
    def texts(cls) -> dict[str, pl.Expr]:
        """The text."""
        return {"response": pl.col("text")}

    @dy.rule()
    def text_not_empty(cls) -> pl.Expr:
        return pl.col("text").str.strip_chars().str.len_chars() > 0

    @dy.rule()
    def steps_are_the_text(cls) -> pl.Expr:
        return _tiled("steps", pl.col("text").str.len_chars())


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
    """One node of a search tree. The steps from the root to it are a prefix of an answer. A root
    has no parent, depth 0 and no text.

    ``value`` is the search's value, in [0, 1]. ``own`` is the evaluator's value before any backup.
    ``prior`` is the proposer's probability among the siblings. ``expanded``: whether steps after it
    were requested. ``terminal_correct`` is null if the node does not end an answer, or if it is not
    known whether the answer is right (``error`` says why). ``finish`` of an end is "length" if the
    answer was cut off there; null for other nodes. Siblings have different steps.
    """

    node_id = dy.String(primary_key=True)
    parent_id = dy.String(nullable=True)
    prompt_id = dy.String()
    depth = dy.UInt16()
    step = dy.String()
    visits = dy.UInt32()
    value = dy.Float64(nullable=True, min=0, max=1)
    own = dy.Float64(nullable=True, min=0, max=1)
    prior = dy.Float64(nullable=True, min=0, max=1)
    expanded = dy.Bool()
    terminal = dy.Bool()
    terminal_correct = dy.Bool(nullable=True)
    finish = dy.Enum(["stop", "length"], nullable=True)
    error = dy.String(nullable=True)
    origin = _origin()

    @dy.rule()
    def a_root_has_no_parent(cls) -> pl.Expr:
        return pl.col("parent_id").is_null() == (pl.col("depth") == 0)

    @dy.rule()
    def values_are_numbers(cls) -> pl.Expr:
        return pl.all_horizontal(
            pl.col(name).is_not_nan() | pl.col(name).is_null() for name in ("value", "own", "prior")
        )

    @dy.rule()
    def only_ends_are_right_or_wrong(cls) -> pl.Expr:
        return pl.col("terminal") | pl.col("terminal_correct").is_null()


class Pairs(Table):
    """A preference. ``weight`` is the confidence C that ``chosen`` is better.

    ``token_weights`` has one weight for each token of each side, by the policy's tokenizer.
    ``shared_prefix`` is the number of characters at the beginning that both sides share and that
    get no credit. ``ends`` says for each side whether the answer ends there. A step inside an
    answer does not end it, and an answer that was cut off does not end. Null: both are complete
    answers.
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
        return all_spoken(pl.col("chosen")) & all_spoken(pl.col("rejected"))

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
    spans = _spans()
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
        return _tiled("spans", lengths.list.sum()) & (
            pl.col("spans").is_null() | (spans == lengths)
        )

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


class Demonstrations(Table):
    """An SFT example. ``loss_spans`` are [start, end) characters of the last message. ``ends`` is
    false if the last message was cut off: then it is learned without the end of the turn. Null: it
    is complete.
    """

    demonstration_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    messages = message_list()
    response_id = dy.String(nullable=True)
    loss_spans = dy.List(dy.List(dy.UInt32()), nullable=True)
    condition = dy.String(nullable=True)
    ends = dy.Bool(nullable=True)

    @classmethod
    def texts(cls) -> dict[str, pl.Expr]:
        """The last message."""
        return {"answer": contents(pl.col("messages").list.tail(1))}

    @classmethod
    def preceding_messages(cls) -> pl.Expr:
        """All messages but the last."""
        return pl.col("messages").list.head(pl.col("messages").list.len() - 1)

    @dy.rule()
    def messages_not_empty(cls) -> pl.Expr:
        return all_spoken(pl.col("messages"))

    @dy.rule()
    def messages_of_known_roles(cls) -> pl.Expr:
        return all_of_known_roles(pl.col("messages"))

    @dy.rule()
    def ends_with_the_assistant(cls) -> pl.Expr:
        return pl.col("messages").list.last().struct.field("role") == "assistant"


class Checkpoints(Table):
    """A trained model: the folder of its safetensors, the model it started from, and metrics.

    ``path`` equals ``start`` if nothing was trained; ``reason`` then says why. ``chain_start``: if
    the training went on from the checkpoint of another stage, the model that the first training of
    this chain started from; null if ``start`` is that model.
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
    chain_start = dy.String(nullable=True)


class Evaluations(Table):
    """One held-out prompt answered by a policy and by the policy it started from.

    It is measured in one way; the columns of the others are null. By a check: ``greedy_*`` says
    whether the greedy answer was right, and ``right_*`` how many of ``samples`` sampled answers
    were. By a judge: ``preference`` is how much it prefers the greedy answer after training, in
    [0, 1]; 0.5 is a tie. By a reward: ``reward_*`` of the greedy answers. ``length_*``: the
    characters of the greedy answers.
    """

    prompt_id = dy.String(primary_key=True)
    greedy_before = dy.Bool(nullable=True)
    greedy_after = dy.Bool(nullable=True)
    samples = dy.UInt32()
    right_before = dy.UInt32(nullable=True)
    right_after = dy.UInt32(nullable=True)
    preference = dy.Float64(nullable=True, min=0, max=1)
    reward_before = dy.Float64(nullable=True)
    reward_after = dy.Float64(nullable=True)
    length_before = dy.UInt32(nullable=True)
    length_after = dy.UInt32(nullable=True)

    @dy.rule()
    def measured_in_one_way(cls) -> pl.Expr:
        return pl.sum_horizontal(
            pl.col(name).is_not_null() for name in ("greedy_after", "preference", "reward_after")
        ).eq(1)

    @dy.rule()
    def both_policies_measured(cls) -> pl.Expr:
        return pl.all_horizontal(
            pl.col(f"{name}_before").is_null() == pl.col(f"{name}_after").is_null()
            for name in ("greedy", "right", "reward", "length")
        )

    @dy.rule()
    def rewards_finite(cls) -> pl.Expr:
        return pl.all_horizontal(
            pl.col(name).is_finite() | pl.col(name).is_null()
            for name in ("reward_before", "reward_after")
        )


class PairEvaluations(Table):
    """One held-out pair, and the log-probs of its sides under a policy and under the policy that it
    started from.

    ``chosen_*`` and ``rejected_*``: the natural log of the probability of the answer, with the end
    of its turn if it ends; ``*_tokens``: the tokens that these sum over.
    """

    pair_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    chosen_before = dy.Float64()
    chosen_after = dy.Float64()
    rejected_before = dy.Float64()
    rejected_after = dy.Float64()
    chosen_tokens = dy.UInt32(min=1)
    rejected_tokens = dy.UInt32(min=1)


class RewardEvaluations(Table):
    """One held-out pair, and the rewards of its sides by a reward model and by what it started
    from, in the model's unit; 0 if that had no reward head."""

    pair_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    chosen_before = dy.Float64()
    chosen_after = dy.Float64()
    rejected_before = dy.Float64()
    rejected_after = dy.Float64()


class StepEvaluations(Table):
    """One held-out solution with labelled steps, and the rewards of its steps by a process reward
    model and by what it started from; ``threshold`` for each step if that had no reward head.

    A step is judged right if its reward is above ``threshold``. ``labels`` say which steps are.
    """

    response_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    labels = dy.List(dy.Bool(nullable=True), min_length=1)
    before = dy.List(dy.Float64())
    after = dy.List(dy.Float64())
    threshold = dy.Float64()

    @dy.rule()
    def a_reward_a_step(cls) -> pl.Expr:
        return pl.all_horizontal(
            pl.col(name).list.len() == pl.col("labels").list.len() for name in ("before", "after")
        )


class TaskEvaluations(Table):
    """One item of a task, and the value of the task's metric for it under a policy and under the
    policy that it started from.

    ``item_id``: the task and the number of the item.
    """

    item_id = dy.String(primary_key=True)
    task = dy.String(min_length=1)
    metric = dy.String(min_length=1)
    before = dy.Float64()
    after = dy.Float64()


class Dropped(Table):
    """A row that a stage dropped, the reason, and the numbers behind it (a JSON object)."""

    row_id = dy.String()
    stage = dy.String(min_length=1)
    reason = dy.String(min_length=1)
    numbers = dy.String()


EVALUATIONS: tuple[type[Table], ...] = (
    Evaluations,
    PairEvaluations,
    RewardEvaluations,
    StepEvaluations,
    TaskEvaluations,
)
"""The tables of stages that measure a policy."""


def id_column(table: type[Table]) -> str:
    """The id column of ``table``. For scores, the scored response."""
    return "response_id" if table is Scores else table.primary_key()[0]
