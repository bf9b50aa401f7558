"""Answers with ratings: UltraFeedback's, HelpSteer's, and any prompt, response and score."""

import json
import math
import re
from functools import partial
from typing import Any

from assets.importers.shapes.compared import BOTH, by_strength
from assets.importers.shapes.reading import (
    Messages,
    attempted,
    listing,
    mapping,
    optional_text,
    prompt_messages,
    rated,
    text,
    user,
)
from assets.importers.shapes.sample import Row, Sample, SampleScore, Shape, ShapeError, Solution


def ultrafeedback(row: Row) -> Sample:
    """UltraFeedback: a score for each rated aspect, ``overall`` and ``fine-grained``.

    Some overall scores of 1 were published as 10. An overall 10 gets no value if the mean of the
    aspects' ratings is at most 3 of 5.
    """
    completions = listing(row, "completions")
    solutions = tuple(
        attempted(partial(_completion, each, f"completion {number}"), f"completion {number}")
        for number, each in enumerate(completions)
    )
    return Sample(user(text(row, "instruction")), solutions)


def helpsteer2(row: Row) -> Sample:
    """HelpSteer2: one response with a score from 0 to 4 for each attribute, or two responses with
    a preference (see `by_strength`).

    The ratings of each annotator, as in HelpSteer2's ``disagreements``, are averaged; ``raw`` has
    them all.
    """
    prompt = turns(text(row, "prompt"))
    if "strength" not in row:
        scores = tuple(_attribute(name, row[name]) for name in ATTRIBUTES if name in row)
        return Sample(prompt, (_response(row, "response", scores=scores),))
    preference = by_strength(row)
    return Sample(prompt, tuple(_response(row, name) for name in BOTH), preference=preference)


def scored(row: Row) -> Sample:
    """One response and its score by ``annotator``, or by ``score`` if the row names nobody."""
    if "score" not in row:
        raise ShapeError(f"no column 'score'; there is {', '.join(map(repr, row)) or 'none'}")
    score = rated(optional_text(row, "annotator") or "score", row["score"])
    about = {"model": optional_text(row, "model"), "scores": (score,)}
    return Sample(prompt_messages(row), (_response(row, "response", **about),))


ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")


def _attribute(name: str, value: Any) -> SampleScore:
    if isinstance(value, list) and value:
        each = [_attribute(name, one) for one in value]
        if (unread := next((one for one in each if one.value is None), None)) is not None:
            return unread
        known = [one.value for one in each if one.value is not None]
        return SampleScore(name, math.fsum(known) / len(known), raw=json.dumps(value))
    score = rated(name, value)
    if score.value is not None and not 0 <= score.value <= HIGHEST:
        return SampleScore(name, None, error=f"{name!r} must be from 0 to 4, not {score.value:g}")
    return score


HIGHEST = 4
"""The highest rating of an attribute of HelpSteer2."""


def _response(row: Row, field: str, **about: Any) -> Solution | str:
    return attempted(lambda: Solution((text(row, field),), **about), repr(field))


def _completion(value: Any, what: str) -> Solution:
    completion = mapping(value, what)
    scores: list[SampleScore | str] = []
    annotations = completion.get("annotations") or {}
    if isinstance(annotations, dict):
        for aspect, rating in annotations.items():
            if isinstance(rating, dict):
                scores.append(rated(aspect, rating.get("Rating"), raw=rating.get("Rationale")))
            elif rating is not None:
                scores.append(f"{aspect!r} of {what} must be a mapping, not {str(rating)[:60]!r}")
    else:
        scores.append(f"'annotations' of {what} must be a mapping, not {str(annotations)[:60]!r}")
    fine = completion.get("fine-grained_score")
    if fine is not None:
        scores.append(rated("fine-grained", fine))
    if completion.get("overall_score") is not None:
        overall = rated("overall", completion["overall_score"], raw=completion.get("critique"))
        scores.append(_checked_overall(overall, scores))
    made = {
        "principle": optional_text(completion, "principle"),
        "system": optional_text(completion, "custom_system_prompt"),
    }
    return Solution(
        (text(completion, "response", of=what),),
        model=completion.get("model"),
        made={name: value for name, value in made.items() if value},
        scores=tuple(scores),
    )


MIDDLE = 3.0
"""The middle of UltraFeedback's ratings of aspects, which go from 1 to 5."""


def _checked_overall(overall: SampleScore, others: list[SampleScore | str]) -> SampleScore:
    """The overall score, without its value if it is a 10 that the others contradict."""
    read = [one for one in others if isinstance(one, SampleScore) and one.value is not None]
    fine = [one.value for one in read if one.annotator == "fine-grained"]
    ratings = fine or [one.value for one in read]
    known = [value for value in ratings if value is not None]
    if overall.value != 10 or not known or math.fsum(known) / len(known) > MIDDLE:
        return overall
    reason = "an overall score of 10 that the other ratings contradict: a 1, it seems"
    return SampleScore("overall", None, raw=overall.raw, error=reason)


_TURN = re.compile(r"<extra_id_1>(Assistant|User)\n")


def turns(prompt: str) -> Messages:
    """A conversation of HelpSteer2: each turn after the user's first begins with a tag."""
    first, *rest = _TURN.split(prompt)
    each = [
        ("user", first),
        *((role.lower(), content) for role, content in zip(rest[::2], rest[1::2], strict=True)),
    ]
    if each[-1][0] != "user":
        raise ShapeError("the conversation does not end with the user, who asks")
    return tuple({"role": role, "content": content.strip()} for role, content in each)


FOUND = (
    Shape(
        ("ultrafeedback",),
        "a prompt, four responses and GPT-4's ratings of each (Cui et al. 2023, arXiv:2310.01377)",
        {"instruction": ("instruction",), "completions": ("completions",)},
        ultrafeedback,
    ),
    Shape(
        ("helpsteer2", "helpsteer2-preference", "helpsteer"),
        "a response and people's ratings of it, or two and which they prefer (Wang et al. 2024, "
        "arXiv:2406.08673, 2410.01257)",
        {
            "prompt": ("prompt",),
            "response": ("response",),
            **{name: (name,) for name in (*BOTH, *ATTRIBUTES)},
            "strength": ("preference_strength",),
        },
        helpsteer2,
    ),
    Shape(
        ("scored",),
        "a prompt, a response and a score",
        {
            "prompt": ("prompt", "question", "instruction"),
            "response": ("response", "completion", "answer", "output"),
            "score": ("score", "rating", "reward"),
            "annotator": ("annotator",),
            "model": ("model",),
            "system": ("system",),
        },
        scored,
    ),
)
