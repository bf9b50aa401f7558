"""Tasks, and what is written for them: prompts, responses and search trees."""

import polars as pl

from schemas.imports import dataframely as dy
from schemas.messages import (
    all_of_known_roles,
    contents,
    message_list,
    none_empty,
    of_system,
)
from schemas.tables.table import Table, contiguous, origin_struct, step_spans, tiled

TURN_ROLES = ("assistant", "user", "tool")
"""Who speaks in a transcript: the model, a user, and an environment or tool."""


class Prompts(Table):
    """A task to answer, or a question to a judge about answers to another prompt.

    ``task`` is what such a question is about: the text of the other prompt. It is null of a task
    itself. Questions about one task, such as both orders of a pair, belong on the same side of any
    split.
    """

    prompt_id = dy.String(primary_key=True)
    messages = message_list()
    reference = dy.String(nullable=True)
    source = dy.String(min_length=1)
    source_revision = dy.String()
    licence = dy.String()
    task = dy.String(nullable=True)

    @classmethod
    def task_text(cls) -> pl.Expr:
        """The text of the task, which a question about answers shares with the task itself."""
        return pl.coalesce("task", cls.texts()["prompt"]).alias("task")

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
        return none_empty(pl.col("messages"))

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

    ``turns`` is of a transcript, in which the model and its environment or a user speak in turn:
    who said what, characters [start, end) of the text, contiguous and covering it. Models read it
    as the messages of a chat after the prompt (`schemas.transcript`), judges and checks as text.
    What is not the assistant's was not written by the model: it is not learned, and its tokens do
    not count towards the model's probability. Null: the model wrote the full text.
    """

    response_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    text = dy.String()
    reasoning = dy.String(nullable=True)
    steps = step_spans()
    turns = dy.List(
        dy.Struct({"role": dy.String(), "start": dy.UInt32(), "end": dy.UInt32()}), nullable=True
    )
    finish = dy.Enum(["stop", "length"])
    tokens = dy.UInt32()
    origin = origin_struct()

    @classmethod
    def texts(cls) -> dict[str, pl.Expr]:
        """The text."""
        return {"response": pl.col("text")}

    @dy.rule()
    def text_not_empty(cls) -> pl.Expr:
        return pl.col("text").str.strip_chars().str.len_chars() > 0

    @dy.rule()
    def steps_are_the_text(cls) -> pl.Expr:
        return tiled("steps", pl.col("text").str.len_chars())

    @dy.rule()
    def turns_are_the_text(cls) -> pl.Expr:
        return contiguous("turns", pl.col("text").str.len_chars())

    @dy.rule()
    def the_assistant_has_a_turn(cls) -> pl.Expr:
        role = pl.element().struct.field("role")
        valid_roles = pl.col("turns").list.eval(role.is_in(TURN_ROLES)).list.all()
        speaks = pl.col("turns").list.eval(role == "assistant").list.any()
        return pl.col("turns").is_null() | (valid_roles & speaks)


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
    origin = origin_struct()

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
