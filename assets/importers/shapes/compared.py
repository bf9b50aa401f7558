"""Two answers to a prompt, and which one somebody prefers.

A row is one vote. Rows about the same two answers are joined, in either order
(`assets.importers.joining`).
"""

import itertools
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from assets.importers.shapes.reading import (
    answered,
    assistant,
    attempted,
    boolean,
    number,
    optional_text,
    prompt_messages,
    solution,
    text,
    user,
)
from assets.importers.shapes.sample import Preference, Row, Sample, Shape, ShapeError, Solution
from generators.sources.chats import chat

BOTH = ("response_1", "response_2")
STRONGEST = 3


def compared(read_preference: Callable[[Row], Preference]) -> Callable[[Row], Sample]:
    """A function that reads the prompt, both answers, and by ``read_preference`` the preference."""

    def read(row: Row) -> Sample:
        solutions = tuple(attempted(partial(answer_of, row, name), repr(name)) for name in BOTH)
        return Sample(_prompt(row), solutions, preference=read_preference(row))

    return read


def by_word(row: Row) -> Preference:
    """A preference as a word or number.

    The first is ``A>B``, ``model_a``, ``response_1``, ``A`` or 1; the second likewise. ``tie``,
    ``A=B`` and 1.5 prefer neither, and so does 0 (AlpacaFarm). A number p between 1 and 2
    (AlpacaEval's weighted annotators) prefers the nearer answer: the first with weight 2 − p, or
    the second with weight p − 1.
    """
    if "preference" not in row:
        raise ShapeError(f"no column 'preference'; there is {', '.join(map(repr, row))}")
    value = row["preference"]
    if isinstance(value, str) and (word := re.sub(r"[\s\[\]]", "", value.lower())) in _WORDS:
        return Preference(_WORDS[word])
    try:
        place = number(value, "'preference'")
    except ShapeError:
        raise ShapeError(
            f"'preference' must say which one (A, B, 1, 2, tie), not {str(value)[:60]!r}"
        ) from None
    if place == 0:
        return Preference(None)
    if not 1 <= place <= 2:
        raise ShapeError(f"'preference' must be 1 or 2, or between them, not {value!r}")
    if place == 1.5:
        return Preference(None)
    return Preference(0, weight=2 - place) if place < 1.5 else Preference(1, weight=place - 1)


def by_strength(row: Row) -> Preference:
    """A number from −3 to 3. Below 0 the first is preferred, above 0 the second. The margin is the
    absolute value. If the row has the annotators' votes, the weight is the share that agrees; a
    vote for neither counts half."""
    if row.get("strength") is None and "feedback1" in row:
        raise ShapeError(
            "no 'overall_preference': 'feedback1' and 'feedback2' are opinions in words, of which "
            "none says who is better (HelpSteer3's subset 'feedback'; pairs are in 'preference'). "
            "Either answer can be imported as prompt-completion, with --column prompt=context and "
            "--column completion=response1"
        )
    strength = number(row.get("strength"), "'strength'")
    if abs(strength) > STRONGEST:
        raise ShapeError(f"'strength' must be from −3 to 3, not {str(row['strength'])[:60]}")
    if strength == 0:
        return Preference(None)
    sign = 1 if strength > 0 else -1
    annotators = row.get("individual")
    votes = [
        number(one.get("score"), "'score' of 'individual'") * sign
        for one in (annotators if isinstance(annotators, list) else [])
        if isinstance(one, dict) and one.get("score") is not None
    ]
    agree = sum(1.0 if vote > 0 else 0.5 if vote == 0 else 0.0 for vote in votes)
    weight = agree / len(votes) if votes else 1.0
    return Preference(int(sign > 0), weight=weight, margin=abs(strength))


def by_label(row: Row) -> Preference:
    """1 for the first, 0 for the second."""
    return Preference(0 if boolean(row, "preference") else 1)


def by_index(row: Row) -> Preference:
    """0 for the first, 1 for the second."""
    return Preference(int(boolean(row, "preference")))


def by_turn(row: Row) -> Sample:
    """Two conversations and a vote about the answer of turn ``turn``, by default the last. Later
    turns are left out."""
    turn = row.get("turn")
    if type(turn) is not int or turn < 1:
        return compared(by_word)(row)
    sides = {name: row[name] for name in BOTH if isinstance(row.get(name), list)}
    return compared(by_word)({**row, **{name: _until(side, turn) for name, side in sides.items()}})


def _until(turns: list[Any], turn: int) -> list[Any]:
    answers = (
        place
        for place, one in enumerate(turns, start=1)
        if isinstance(one, dict) and one.get("role") == "assistant"
    )
    return turns[: next(itertools.islice(answers, turn - 1, None), len(turns))]


_WORDS: dict[str, int | None] = {
    **{f"{name}{end}": 0 for name in ("response_", "model_", "output_", "") for end in ("1", "a")},
    **{f"{name}{end}": 1 for name in ("response_", "model_", "output_", "") for end in ("2", "b")},
    **dict.fromkeys(("a>b", "a>>b", "1>2", "b<a", "first"), 0),
    **dict.fromkeys(("b>a", "b>>a", "2>1", "a<b", "a<<b", "second"), 1),
    **dict.fromkeys(
        ("tie", "tie(bothbad)", "bothbad", "both_bad", "a=b", "b=a", "same", "neither"), None
    ),
}


def _prompt(row: Row) -> tuple[Any, ...]:
    given = optional_text(row, "input")
    if given is not None:
        return user(f"{text(row, 'prompt')}\n\n{given}")
    if row.get("prompt") is None and row.get("response_1") is not None:
        # Each side is a conversation that begins with the prompt.
        one, other = (answered(row.get(name), repr(name))[0] for name in BOTH)
        if one == other:
            return tuple(one)
        raise ShapeError("no 'prompt', and the two conversations part before their last answer")
    return prompt_messages(row)


def answer_of(row: Row, name: str) -> Solution:
    """The response ``name``: a text, or a conversation that ends with it."""
    value = row.get(name)
    if isinstance(value, list) and value:
        last = chat(value, repr(name))[-1]
        if last["role"] != "assistant":
            raise ShapeError(f"{name!r} does not end with an answer")
    else:
        last = assistant(text(row, name))
    return solution(last, repr(name), model=optional_text(row, f"model{name[-2:]}"))


FOUND = (
    Shape(
        ("comparison",),
        "a prompt, two answers and which is preferred: `A>B`, `model_a`, 1, 2, `tie`",
        {
            "prompt": ("prompt", "question", "instruction"),
            "response_1": ("response_1", "response_a", "response_A", "output_1"),
            "response_2": ("response_2", "response_b", "response_B", "output_2"),
            "model_1": ("model_1", "model_a"),
            "model_2": ("model_2", "model_b"),
            "preference": ("preference", "winner", "label"),
        },
        compared(by_word),
    ),
    Shape(
        ("alpaca-eval", "alpaca-farm"),
        "annotations of AlpacaEval: an instruction, two outputs, and a preference from 1 to 2",
        {
            "prompt": ("instruction",),
            "input": ("input",),
            "response_1": ("output_1",),
            "response_2": ("output_2",),
            "model_1": ("generator_1",),
            "model_2": ("generator_2",),
            "preference": ("preference",),
        },
        compared(by_word),
    ),
    Shape(
        ("judgebench",),
        "a question, two responses of a model and a label, `A>B` or `B>A`",
        {
            "prompt": ("question",),
            "response_1": ("response_A",),
            "response_2": ("response_B",),
            "model_1": ("response_model",),
            "model_2": ("response_model",),
            "preference": ("label",),
        },
        compared(by_word),
    ),
    Shape(
        ("chatbot-arena", "mt-bench"),
        "two conversations that ask the same, and who wins the last turn, or turn `turn`",
        {
            "prompt": ("prompt",),
            "response_1": ("conversation_a",),
            "response_2": ("conversation_b",),
            "model_1": ("model_a",),
            "model_2": ("model_b",),
            "preference": ("winner",),
            "turn": ("turn",),
        },
        by_turn,
    ),
    Shape(
        ("helpsteer3",),
        "a conversation, two responses, and how strongly people prefer one, −3 to 3 "
        "(arXiv:2505.11475); the weight is the share of them that agrees",
        {
            "prompt": ("context", "prompt"),
            "response_1": ("response1", "response_1"),
            "response_2": ("response2", "response_2"),
            "strength": ("overall_preference", "preference_strength"),
            "individual": ("individual_preference",),
        },
        compared(by_strength),
    ),
    Shape(
        ("shp",),
        "a post, two comments, and 1 where readers prefer the first, 0 where the second",
        {
            "prompt": ("history",),
            "response_1": ("human_ref_A",),
            "response_2": ("human_ref_B",),
            "preference": ("labels",),
        },
        compared(by_label),
    ),
    Shape(
        ("pku-saferlhf",),
        "a prompt, two responses and the index of the better one",
        {
            "prompt": ("prompt",),
            "response_1": ("response_0",),
            "response_2": ("response_1",),
            "preference": ("better_response_id",),
        },
        compared(by_index),
    ),
)
