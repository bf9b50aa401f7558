"""A prompt and any number of answers, each with a rank or a rating: Nectar's and distilabel's."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from assets.importers.shapes.reading import attempted, listing, prompt_messages, rated, text
from assets.importers.shapes.sample import Row, Sample, SampleScore, Shape, ShapeError, Solution

_TEXTS = ("answer", "response", "content", "text", "output")
"""The names of an answer's text."""


def candidates(row: Row) -> Sample:
    """Answers as texts with lists beside them (``ratings``, ``rationales``, ``models``), or as
    mappings with a text, a ``model``, and a ``rank`` or a ``score``.

    A rating is a score by ``rating``. A rank r, 1 for the best, is the score −r by ``rank``, so
    that more is better.
    """
    answers = listing(row, "answers")
    ratings, rationales, models = (
        _list_of(row, name, answers) for name in ("ratings", "rationales", "models")
    )
    solutions = []
    for number, given in enumerate(answers):
        what = f"answer {number}"
        about = {"rating": ratings[number], "rationale": rationales[number]}
        make = partial(_solution, given, what, model=models[number], **about)
        solutions.append(attempted(make, what))
    return Sample(prompt_messages(row, cut=True), tuple(solutions))


def _list_of(row: Row, name: str, answers: Sequence[Any]) -> Sequence[Any]:
    """The list ``name``, with an entry for each answer; entries of None if the row has none."""
    if row.get(name) is None:
        return [None] * len(answers)
    entries = listing(row, name)
    if len(entries) != len(answers):
        raise ShapeError(f"{name!r} has {len(entries)} entries for {len(answers)} of 'answers'")
    return entries


def _solution(given: Any, what: str, *, rating: Any, model: Any, rationale: Any) -> Solution:
    about = given if isinstance(given, Mapping) else {"answer": given}
    name = next((name for name in _TEXTS if name in about), _TEXTS[0])
    scores: list[SampleScore | str] = []
    if about.get("rank") is not None:
        rank = rated("rank", about["rank"])
        scores.append(rank if rank.value is None else SampleScore("rank", -rank.value))
    rating = about.get("score", about.get("rating", rating))
    if rating is not None:
        scores.append(rated("rating", rating, raw=rationale))
    return Solution(
        (text(about, name, of=what),), model=about.get("model", model), scores=tuple(scores)
    )


FOUND = (
    Shape(
        ("candidates", "nectar", "distilabel"),
        "a prompt and a list of answers with a rank or a rating of each, in the answers (Nectar) "
        "or in lists beside them (distilabel)",
        {
            "prompt": ("prompt", "instruction", "question", "input"),
            "system": ("system", "system_prompt"),
            "answers": ("answers", "generations", "responses", "completions"),
            "ratings": ("ratings", "scores", "rating"),
            "rationales": ("rationales",),
            "models": ("models", "generation_models"),
        },
        candidates,
    ),
)
