"""The dataset formats of TRL (https://huggingface.co/docs/trl/dataset_formats), conversational or
plain, which are those that ``factory export`` writes; and datasets that keep to them."""

import itertools
from typing import Any

from assets.shapes.reading import (
    Messages,
    answer,
    asked,
    attempted,
    is_chat,
    listing,
    number,
    one_answer,
    optional_number,
    optional_text,
    reference,
    text,
    transcript,
    truth,
    user,
)
from assets.shapes.sample import (
    Demonstration,
    Preference,
    Row,
    Sample,
    Score,
    Shape,
    ShapeError,
    Solution,
)
from generators.chats import chat

SIDES = ("chosen", "rejected")


def preference(row: Row) -> Sample:
    """A prompt and two answers, or two conversations that part before their last answer: what they
    share is the prompt then. Plain texts without a prompt share their beginning, up to a word."""
    for side in SIDES:
        if row.get(side) is None:
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
                scores=() if score is None else (Score("score", score),),
                response_id=row.get(f"{side}_id") if _ours(row) else None,
            )
            for side, said, score in zip(SIDES, answers, scores, strict=True)
        ),
        preference=Preference(0, margin=_margin(row, *scores), **_kept(row)),
    )


def unpaired(row: Row) -> Sample:
    """A prompt, an answer, and whether it is a good one: a score of ``label``, 1 or 0."""
    prompt, said = _prompted(row)
    scores = [Score("label", float(truth(row, "label")))]
    if (score := optional_number(row, "score")) is not None:
        scores.append(Score("score", score))
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
    return Sample(asked(row), reference=reference(row))


def _sides(row: Row) -> tuple[Messages, list[str]]:
    """The prompt, and what either side answers, which may be nothing."""
    sides = [row[side] for side in SIDES]
    told = row.get("prompt") is not None
    if all(map(is_chat, sides)):
        whole = [chat(side, repr(name)) for name, side in zip(SIDES, sides, strict=True)]
        if told and all(len(turns) == 1 and turns[0]["role"] == "assistant" for turns in whole):
            return asked(row), [turns[0]["content"] for turns in whole]
        return _parted(*whole)
    if told:
        return asked(row), [_said(row, side) for side in SIDES]
    one, other = (text(row, side) for side in SIDES)
    if (first := transcript(one)) and (second := transcript(other)):
        return _parted(first, second)
    shared = _shared_beginning(one, other)
    if not shared.strip():
        raise ShapeError("no 'prompt', and 'chosen' and 'rejected' do not begin alike")
    return user(shared), [one[len(shared) :], other[len(shared) :]]


def _said(row: Row, field: str) -> str:
    # An empty answer is a matter of its own, which the solution tells.
    return "" if row[field] in ("", []) else answer(row[field], repr(field))


def _parted(one: list[dict[str, str]], other: list[dict[str, str]]) -> tuple[Messages, list[str]]:
    """Two conversations as what they share and the answer that either ends with."""
    alike = itertools.takewhile(lambda both: both[0] == both[1], zip(one, other, strict=False))
    shared = min(len(list(alike)), len(one) - 1, len(other) - 1)
    rest = [*one[shared:], *other[shared:]]
    if len(rest) != 2 or any(turn["role"] != "assistant" for turn in rest):
        raise ShapeError("'chosen' and 'rejected' part before the answer that they end with")
    return asked({"prompt": one[:shared]}), [turn["content"] for turn in rest]


def _shared_beginning(one: str, other: str) -> str:
    alike = itertools.takewhile(lambda both: both[0] == both[1], zip(one, other, strict=False))
    shared = one[: len(list(alike))]
    # A word that both sides begin is of the answers, and so is the space before it.
    ends = len(shared) in (len(one), len(other))
    return shared if ends else shared[: max(shared.rfind(" "), shared.rfind("\n"), 0)]


def _prompted(row: Row) -> tuple[Messages, str]:
    """Prompt and answer, of their own columns or as a conversation that ends with the answer."""
    if row.get("completion") is not None or "messages" not in row:
        if "completion" not in row:
            text(row, "completion")
        return asked(row), _said(row, "completion")
    turns = chat(row["messages"], "'messages'")
    if turns[-1]["role"] != "assistant":
        raise ShapeError("'messages' must end with an answer of the assistant")
    return asked({**row, "prompt": turns}), turns[-1]["content"]


def _stepwise(row: Row) -> Solution:
    steps = listing(row, "completions")
    labels = listing(row, "labels")
    told = row.get("values")
    values = [None if label is None else float(label) for label in labels] if told is None else told
    if not len(steps) == len(labels) == len(values):
        raise ShapeError(f"{len(steps)} 'completions', but {len(labels)} 'labels'")
    for place, step in enumerate(steps):
        if not isinstance(step, str) or not step:
            raise ShapeError(f"step {place} is empty or no text")
    seams = (before[-1] + after[0] for before, after in itertools.pairwise(steps))
    identity = optional_text(row, "response_id")
    if identity is None and not any(map(_has_space, seams)):
        steps = [f"{step}\n" for step in steps[:-1]] + [steps[-1]]
    read = [None if label is None else truth({"labels": label}, "labels") for label in labels]
    numbers = [None if one is None else number(one, "'values'") for one in values]
    scores = (
        Score("label", value, step) for step, value in enumerate(numbers) if value is not None
    )
    return Solution(
        tuple(steps),
        scores=tuple(scores),
        labels=tuple(read),
        values=tuple(numbers),
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
