"""The dataset formats of TRL (https://huggingface.co/docs/trl/dataset_formats), conversational or
plain. ``factory export`` writes these formats, and many published datasets have them."""

import itertools
from functools import partial
from typing import Any

from assets.importers.shapes.reading import (
    Messages,
    ReadAnswer,
    answer,
    answered,
    assistant,
    assistant_turns,
    attempted,
    boolean,
    ending_with_user,
    is_chat,
    listing,
    offered,
    one_answer,
    optional_number,
    optional_text,
    prompt_messages,
    reference,
    text,
    transcript,
    user,
)
from assets.importers.shapes.sample import (
    Demonstration,
    Preference,
    Row,
    Sample,
    SampleScore,
    Shape,
    ShapeError,
    Solution,
)
from schemas import Message

SIDES = ("chosen", "rejected")


def preference(row: Row) -> Sample:
    """A prompt and two answers, or two conversations that differ in the last answer only; the turns
    before it are the prompt. Of two plain texts without a prompt, the shared beginning, up to a
    word, is the prompt."""
    for side in SIDES:
        if side not in row:
            raise ShapeError(f"no column {side!r}; there is {', '.join(map(repr, row)) or 'none'}")
    prompt, answers = _sides(row)
    scores = [optional_number(row, f"score_{side}") for side in SIDES]
    return Sample(
        prompt,
        tuple(
            one_answer(
                read_answer,
                repr(side),
                model=row.get(f"{side}_model"),
                scores=() if score is None else (SampleScore("score", score),),
                response_id=row.get(f"{side}_id") if _exported(row) else None,
            )
            for side, read_answer, score in zip(SIDES, answers, scores, strict=True)
        ),
        preference=Preference(0, margin=_margin(row, *scores), **_kept_columns(row)),
    )


def unpaired(row: Row) -> Sample:
    """A prompt, an answer, and whether it is good: a score by ``label``, 1 or 0."""
    prompt, read_answer = _prompt_and_answer(row)
    scores = [SampleScore("label", float(boolean(row, "label")))]
    if (score := optional_number(row, "score")) is not None:
        scores.append(SampleScore("score", score))
    identity = optional_text(row, "response_id") if "prompt_id" in row else None
    solution = one_answer(read_answer, "the answer", scores=tuple(scores), response_id=identity)
    return Sample(prompt, (solution,))


def prompt_completion(row: Row) -> Sample:
    """A prompt and the answer to imitate."""
    prompt, read_answer = _prompt_and_answer(row)
    kept = _OF_DEMONSTRATIONS if "demonstration_id" in row else ()
    response_id = row.get("response_id") if kept else None
    return Sample(
        prompt,
        (one_answer(read_answer, "the answer", response_id=response_id),),
        demonstration=Demonstration(**{name: row.get(name) for name in kept}),
    )


def stepwise(row: Row) -> Sample:
    """A prompt, the steps of a solution and whether each is right.

    If no step begins or ends with white space, the steps are joined by line breaks. Steps of the
    factory's own exports are not changed.
    """
    solution = attempted(lambda: _stepwise(row), "'completions'")
    return Sample(prompt_messages(row), (solution,))


def prompts(row: Row) -> Sample:
    """A task, and its right answer if the row has one."""
    return Sample(prompt_messages(row, cut=True), reference=reference(row))


def _sides(row: Row) -> tuple[Messages, list[ReadAnswer]]:
    """The prompt, and functions that read the two answers."""
    sides = [row[side] for side in SIDES]
    has_prompt = row.get("prompt") is not None
    if all(is_chat(side) and (len(side) > 1 or not has_prompt) for side in sides):
        prompt, answers = _shared_prompt(
            *(answered(side, repr(name)) for name, side in zip(SIDES, sides, strict=True))
        )
        return offered(row, prompt), answers
    chats = [name for name, side in zip(SIDES, sides, strict=True) if is_chat(side)]
    if len(chats) == 1 and (not has_prompt or len(row[chats[0]]) > 1):
        (other,) = set(SIDES) - set(chats)
        kind = "null" if row[other] is None else type(row[other]).__name__
        raise ShapeError(f"{other!r} must be a conversation, as {chats[0]!r} is, not {kind}")
    if has_prompt:
        return prompt_messages(row), [partial(answer, row[side], repr(side)) for side in SIDES]
    one, other = (text(row, side) for side in SIDES)
    if (first := transcript(one)) and (second := transcript(other)):
        return _shared_prompt(_last_answer(first), _last_answer(second))
    if any(side.startswith("\n\nAssistant:") for side in (one, other)):
        raise ShapeError("a transcript must begin with what the human says")
    shared = _shared_beginning(one, other)
    if not shared.strip():
        raise ShapeError("no 'prompt', and 'chosen' and 'rejected' do not begin alike")
    ends = [assistant(side[len(shared) :]) for side in (one, other)]
    return user(shared), [lambda: ends[0], lambda: ends[1]]


def _last_answer(turns: list[Message]) -> tuple[list[Message], ReadAnswer]:
    """The turns of a transcript before its last answer, and a function that reads the answer."""
    if turns[-1]["role"] != "assistant":
        raise ShapeError("a transcript must end with an answer of the assistant")
    before = ending_with_user(turns[:-1], "a transcript before its answer")
    return assistant_turns(before), lambda: turns[-1]


def _shared_prompt(
    one: tuple[list[Message], ReadAnswer],
    other: tuple[list[Message], ReadAnswer],
) -> tuple[Messages, list[ReadAnswer]]:
    """The turns that two conversations share, and functions that read the two answers."""
    if one[0] != other[0]:
        raise ShapeError("'chosen' and 'rejected' part before the answer that they end with")
    return tuple(one[0]), [one[1], other[1]]


def _shared_beginning(one: str, other: str) -> str:
    alike = itertools.takewhile(lambda both: both[0] == both[1], zip(one, other, strict=False))
    shared = one[: len(list(alike))]
    # A word that only begins alike belongs to the answers, and so does the space before it.
    ends = len(shared) in (len(one), len(other))
    return shared if ends else shared[: max(shared.rfind(" "), shared.rfind("\n"), 0)]


def _prompt_and_answer(row: Row) -> tuple[Messages, ReadAnswer]:
    """Prompt and answer, from two columns or from a conversation that ends with the answer."""
    if "completion" in row or "messages" not in row:
        if "completion" not in row:
            text(row, "completion")  # Raises, and names the columns that there are.
        return prompt_messages(row), partial(answer, row["completion"], "'completion'")
    before, read_answer = answered(row["messages"], "'messages'")
    return prompt_messages({**row, "prompt": before}), read_answer


def _stepwise(row: Row) -> Solution:
    steps, given = listing(row, "completions"), listing(row, "labels")
    labels = [None if label is None else boolean({"labels": label}, "labels") for label in given]
    if row.get("values") is None:
        values = [None if label is None else float(label) for label in labels]
    else:
        values = [optional_number({"values": one}, "values") for one in listing(row, "values")]
    if not len(steps) == len(labels) == len(values):
        raise ShapeError(f"{len(steps)} 'completions', but {len(labels)} 'labels'")
    for place, step in enumerate(steps):
        if not isinstance(step, str) or not step:
            raise ShapeError(f"step {place} is empty or no text")
    seams = (before[-1] + after[0] for before, after in itertools.pairwise(steps))
    identity = optional_text(row, "response_id")
    if identity is None and not any(map(_has_space, seams)):
        steps = [f"{step}\n" for step in steps[:-1]] + [steps[-1]]
    scores = (
        SampleScore("label", value, step) for step, value in enumerate(values) if value is not None
    )
    return Solution(
        tuple(steps),
        scores=tuple(scores),
        labels=tuple(labels),
        values=tuple(values),
        response_id=identity,
    )


def _has_space(seam: str) -> bool:
    return seam[0].isspace() or seam[-1].isspace()


def _margin(row: Row, chosen: float | None, rejected: float | None) -> float | None:
    """How much better the chosen side is: the row's margin, or the difference of the scores."""
    if "margin" in row:
        return optional_number(row, "margin")
    return None if chosen is None or rejected is None else chosen - rejected


def _exported(row: Row) -> bool:
    """Whether the row comes from the factory's own export. Then it keeps its ids."""
    return all(isinstance(row.get(name), str) for name in ("pair_id", "chosen_id", "rejected_id"))


def _kept_columns(row: Row) -> dict[str, Any]:
    """The columns of `schemas.Pairs` that a row of the factory's own export keeps."""
    kept = _OF_PAIRS if _exported(row) else ()
    return {name: row[name] for name in kept if row.get(name) is not None}


_OF_PAIRS = ("pair_id", "weight", "shared_prefix", "ends", "token_weights", "annotator")
_OF_DEMONSTRATIONS = ("demonstration_id", "loss_spans", "condition", "weight")

_PROMPT = ("prompt", "question", "instruction", "input")
FOUND = (
    Shape(
        ("preference", "ultrafeedback-binarized", "reward-bench", "skywork", "orca-dpo", "hh-rlhf"),
        "a prompt, a chosen and a rejected answer (texts, messages, whole conversations or "
        "transcripts `\\n\\nHuman: …\\n\\nAssistant: …`), their scores if it has them",
        {
            "prompt": _PROMPT,
            "system": ("system",),
            "tools": ("tools",),
            "chosen": ("chosen", "chosen_response"),
            "rejected": ("rejected", "rejected_response"),
            **{
                f"score_{side}": (
                    f"score_{side}",
                    f"{side}_score",
                    f"{side}-rating",
                    f"{side}_rating",
                    f"{side}_avg_rating",
                )
                for side in SIDES
            },
            **{f"{side}_model": (f"{side}_model", f"{side}-model") for side in SIDES},
            "margin": ("score_margin", "margin"),
        },
        preference,
    ),
    Shape(
        ("openai-preference",),
        "OpenAI's preference fine-tuning: the input's messages, a preferred and another output",
        {
            "prompt": ("input.messages",),
            "tools": ("input.tools",),
            "chosen": ("preferred_output",),
            "rejected": ("non_preferred_output",),
        },
        preference,
    ),
    Shape(
        ("unpaired", "kto"),
        "a prompt, an answer (or messages that end with it) and whether it is a good one",
        {
            "prompt": _PROMPT,
            "completion": ("completion", "response"),
            "messages": ("messages", "conversations"),
            "label": ("label", "kto_tag"),
            "system": ("system",),
            "tools": ("tools",),
        },
        unpaired,
    ),
    Shape(
        ("stepwise",),
        "a prompt, the steps of a solution and whether each is right",
        {"prompt": _PROMPT, "completions": ("completions",), "labels": ("labels",)},
        stepwise,
    ),
    Shape(
        ("prompt-completion",),
        "a prompt and the answer to imitate (or messages that end with it)",
        {
            "prompt": _PROMPT,
            "completion": ("completion", "response", "output"),
            "messages": ("messages",),
            "system": ("system",),
            "tools": ("tools",),
        },
        prompt_completion,
    ),
    Shape(
        ("prompts", "math-500", "gsm8k"),
        "a task, and its right answer if it has one",
        {
            "prompt": ("prompt", "problem", "question", "instruction", "messages", "conversations"),
            "reference": ("reference", "answer", "solution", "ground_truth"),
            "system": ("system",),
            "tools": ("tools",),
        },
        prompts,
    ),
)
