"""The dataset formats of TRL (https://huggingface.co/docs/trl/dataset_formats), conversational or
plain, which are those that ``factory export`` writes; and datasets that keep to them."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

from assets.importers.shapes.reading import (
    Answers,
    Messages,
    answer,
    answered,
    asked,
    assistant_turns,
    attempted,
    ending_with_user,
    is_chat,
    listing,
    one_answer,
    optional_number,
    optional_text,
    reference,
    text,
    transcript,
    truth,
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

SIDES = ("chosen", "rejected")


def preference(row: Row) -> Sample:
    """A prompt and two answers, or two conversations that part before their last answer: what they
    share is the prompt then. Plain texts without a prompt share their beginning, up to a word."""
    for side in SIDES:
        if side not in row:
            raise ShapeError(f"no column {side!r}; there is {', '.join(map(repr, row)) or 'none'}")
    prompt, answers = _sides(row)
    scores = [optional_number(row, f"score_{side}") for side in SIDES]
    return Sample(
        prompt,
        tuple(
            one_answer(
                said,
                repr(side),
                model=row.get(f"{side}_model"),
                scores=() if score is None else (SampleScore("score", score),),
                response_id=row.get(f"{side}_id") if _ours(row) else None,
            )
            for side, said, score in zip(SIDES, answers, scores, strict=True)
        ),
        preference=Preference(0, margin=_margin(row, *scores), **_kept(row)),
    )


def unpaired(row: Row) -> Sample:
    """A prompt, an answer, and whether it is a good one: a score of ``label``, 1 or 0."""
    prompt, said = _prompted(row)
    scores = [SampleScore("label", float(truth(row, "label")))]
    if (score := optional_number(row, "score")) is not None:
        scores.append(SampleScore("score", score))
    identity = optional_text(row, "response_id") if "prompt_id" in row else None
    solution = one_answer(said, "the answer", scores=tuple(scores), response_id=identity)
    return Sample(prompt, (solution,))


def prompt_completion(row: Row) -> Sample:
    """A prompt and the answer that is to be imitated."""
    prompt, said = _prompted(row)
    kept = ("demonstration_id", "loss_spans", "condition") if "demonstration_id" in row else ()
    return Sample(
        prompt,
        (one_answer(said, "the answer", response_id=row.get("response_id") if kept else None),),
        demonstration=Demonstration(**{name: row.get(name) for name in kept}),
    )


def stepwise(row: Row) -> Sample:
    """A prompt, the steps of a solution and whether each is right.

    Steps of which none ends or begins with a space or a line's end are joined by line ends, save
    those of an export of ours, which are as they were cut.
    """
    solution = attempted(lambda: _stepwise(row), "'completions'")
    return Sample(asked(row), (solution,))


def prompts(row: Row) -> Sample:
    """A task, and its right answer if the row has one."""
    return Sample(asked(row, cut=True), reference=reference(row))


def _sides(row: Row) -> tuple[Messages, Answers]:
    """The prompt, and what either side answers."""
    sides = [row[side] for side in SIDES]
    told = row.get("prompt") is not None
    if all(is_chat(side) and (len(side) > 1 or not told) for side in sides):
        return _parted(
            *(answered(side, repr(name)) for name, side in zip(SIDES, sides, strict=True))
        )
    whole = [name for name, side in zip(SIDES, sides, strict=True) if is_chat(side)]
    if len(whole) == 1 and (not told or len(row[whole[0]]) > 1):
        (other,) = set(SIDES) - set(whole)
        kind = "null" if row[other] is None else type(row[other]).__name__
        raise ShapeError(f"{other!r} must be a conversation, as {whole[0]!r} is, not {kind}")
    if told:
        return asked(row), [partial(answer, row[side], repr(side)) for side in SIDES]
    one, other = (text(row, side) for side in SIDES)
    if (first := transcript(one)) and (second := transcript(other)):
        return _parted(_ended(first), _ended(second))
    if any(side.startswith("\n\nAssistant:") for side in (one, other)):
        raise ShapeError("a transcript must begin with what the human says")
    shared = _shared_beginning(one, other)
    if not shared.strip():
        raise ShapeError("no 'prompt', and 'chosen' and 'rejected' do not begin alike")
    return user(shared), [lambda: one[len(shared) :], lambda: other[len(shared) :]]


def _ended(turns: list[dict[str, str]]) -> tuple[list[dict[str, str]], Callable[[], str]]:
    """The turns of a transcript before its answer, and the answer."""
    if turns[-1]["role"] != "assistant":
        raise ShapeError("a transcript must end with an answer of the assistant")
    before = ending_with_user(turns[:-1], "a transcript before its answer")
    return assistant_turns(before), lambda: turns[-1]["content"]


def _parted(
    one: tuple[list[dict[str, str]], Callable[[], str]],
    other: tuple[list[dict[str, str]], Callable[[], str]],
) -> tuple[Messages, Answers]:
    """Two conversations as what they share and the answer that either ends with."""
    if one[0] != other[0]:
        raise ShapeError("'chosen' and 'rejected' part before the answer that they end with")
    return tuple(one[0]), [one[1], other[1]]


def _shared_beginning(one: str, other: str) -> str:
    alike = itertools.takewhile(lambda both: both[0] == both[1], zip(one, other, strict=False))
    shared = one[: len(list(alike))]
    # A word that both sides begin is of the answers, and so is the space before it.
    ends = len(shared) in (len(one), len(other))
    return shared if ends else shared[: max(shared.rfind(" "), shared.rfind("\n"), 0)]


def _prompted(row: Row) -> tuple[Messages, Callable[[], str]]:
    """Prompt and answer, of their own columns or as a conversation that ends with the answer."""
    if "completion" in row or "messages" not in row:
        if "completion" not in row:
            text(row, "completion")
        return asked(row), partial(answer, row["completion"], "'completion'")
    before, said = answered(row["messages"], "'messages'")
    return asked({**row, "prompt": before}), said


def _stepwise(row: Row) -> Solution:
    steps, told = listing(row, "completions"), listing(row, "labels")
    labels = [None if label is None else truth({"labels": label}, "labels") for label in told]
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
    """By how much the chosen side is better: as the row says, or the difference of its scores."""
    if "margin" in row:
        return optional_number(row, "margin")
    return None if chosen is None or rejected is None else chosen - rejected


def _ours(row: Row) -> bool:
    """Whether it is a row of an export of ours, which keeps the ids."""
    return all(isinstance(row.get(name), str) for name in ("pair_id", "chosen_id", "rejected_id"))


def _kept(row: Row) -> dict[str, Any]:
    kept = ("pair_id", "weight", "shared_prefix", "ends", "token_weights") if _ours(row) else ()
    return {name: row[name] for name in kept if row.get(name) is not None}


_PROMPT = ("prompt", "question", "instruction", "input")
FOUND = (
    Shape(
        ("preference", "ultrafeedback-binarized", "reward-bench", "skywork", "orca-dpo", "hh-rlhf"),
        "a prompt, a chosen and a rejected answer (texts, messages, whole conversations or "
        "transcripts `\\n\\nHuman: …\\n\\nAssistant: …`), their scores if it has them",
        {
            "prompt": _PROMPT,
            "system": ("system",),
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
        },
        prompts,
    ),
)
