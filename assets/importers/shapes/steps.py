"""Solutions with labelled steps."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from assets.importers.shapes.reading import (
    attempted,
    listing,
    mapping,
    number,
    optional_text,
    reference,
    text,
    user,
)
from assets.importers.shapes.sample import Row, Sample, SampleScore, Shape, ShapeError, Solution

Rated = tuple[str, float | None]
"""A step and its rating."""


def prm800k(row: Row) -> Sample:
    """PRM800K: the solution that the labeller followed, and one more for each alternative step.

    A rating of −1 is an error; 0 ("neither wrong nor progress") is not, as in the paper's tests. A
    step that the labeller wrote is right. An abandoned solution is kept, unless an alternative
    continues all of it. The solutions keep the labeller. If two solutions have the same steps and
    other ratings, the second keeps its ratings too, so that they get different ids.
    """
    question, label = (mapping(row.get(name), repr(name)) for name in ("question", "label"))
    if label.get("finish_reason") == "bad_problem":
        raise ShapeError("the labeller called the problem broken")
    trunk: list[Rated] = []
    solutions: list[list[Rated]] = []
    refused: list[str] = []
    for place, step in enumerate(listing(label, "steps")):
        others, followed = _offered(step, f"step {place}")
        refused += [one for one in others if isinstance(one, str)]
        solutions += [[*trunk, one] for one in others if not isinstance(one, str)]
        if followed is None:
            break
        trunk.append(followed)
    if trunk and not any(len(one) > len(trunk) and one[: len(trunk)] == trunk for one in solutions):
        solutions.insert(0, trunk)
    if not solutions:
        raise ShapeError("no step was judged")
    labeller = optional_text(row, "labeler")
    return Sample(
        user(text(question, "problem", of="question")),
        (*_distinct(solutions, {} if labeller is None else {"labeller": labeller}), *refused),
        reference=reference(question, "ground_truth_answer"),
    )


def _offered(step: Any, what: str) -> tuple[list[Rated | str], Rated | None]:
    """The alternative steps (a text with the reason if one cannot be read), and the followed step
    or None."""
    options = mapping(step, what)
    offered = listing(options, "completions") if options.get("completions") else []
    rated = [attempted(partial(_rated, one, what), f"a completion of {what}") for one in offered]
    chosen, human = options.get("chosen_completion"), options.get("human_completion")
    if chosen is None:
        if human is None:
            return rated, None
        written = attempted(partial(_written, human), f"the labeller's own {what}")
        return ([*rated, written], None) if isinstance(written, str) else (rated, written)
    if not isinstance(chosen, int) or not 0 <= chosen < len(rated):
        raise ShapeError(f"{what} chose completion {str(chosen)[:60]} of {len(rated)}")
    followed = rated[chosen]
    if isinstance(followed, str):
        raise ShapeError(followed)
    return [one for place, one in enumerate(rated) if place != chosen], followed


def _written(value: Any) -> Rated:
    step = {"text": value} if isinstance(value, str) else mapping(value, "'human_completion'")
    return text(step, "text"), 1.0


def _rated(value: Any, what: str) -> Rated:
    step = mapping(value, f"a completion of {what}")
    rating = step.get("rating")
    if rating is not None:
        rating = number(rating, f"'rating' of {what}")
    return text(step, "text", of=what), rating


def _distinct(rated: list[list[Rated]], made: dict[str, Any]) -> Iterator[Solution | str]:
    """The solutions. If one has the steps of an earlier one but other ratings, its ratings are put
    into ``made``, which gives it another id."""
    first: dict[tuple[str, ...], list[Rated]] = {}
    for steps in rated:
        texts, ratings = (tuple(part) for part in zip(*steps, strict=True))
        about = made if first.setdefault(texts, steps) == steps else {**made, "ratings": ratings}
        labels = [None if rating is None else rating >= 0 for rating in ratings]
        yield attempted(
            partial(_labelled, texts, ratings, labels, annotator="human", made=about), "a solution"
        )


TAG = "ки"
"""Marks the end of a step in Math-Shepherd's ``input``. ``label`` has + or − in its place."""


def math_shepherd(row: Row) -> Sample:
    """Math-Shepherd: the problem, which ends before "Step 1:", and the steps; + is 1 and − is 0. A
    text after the last tag is a step without a label."""
    tagged, label = text(row, "input"), text(row, "label")
    parts = tagged.split(TAG)
    begins = re.search(r"step 1\s*:", parts[0], flags=re.IGNORECASE)
    if begins is None:
        raise ShapeError(f"no 'Step 1:' before the first {TAG!r} says where the solution begins")
    if len(parts) < 2:
        raise ShapeError(f"no {TAG!r} marks the end of a step in 'input'")
    steps = [parts[0][begins.start() :], *parts[1:]]
    # In `label` one character, the sign, replaces the two characters of the tag.
    place, signs = -1, []
    for part in parts[:-1]:
        place += len(part) + 1
        signs.append(label[place : place + 1])
    if not set(signs) <= {"+", "-"}:
        raise ShapeError("'label' has something else than + or - where 'input' marks a step's end")
    values: list[float | None] = [1.0 if sign == "+" else 0.0 for sign in signs]
    if steps[-1].strip():
        values.append(None)
    solution = attempted(
        lambda: _labelled(
            [step.strip() for step in steps[: len(values)]],
            values,
            [None if value is None else value == 1.0 for value in values],
            annotator="rollouts",
        ),
        "the solution",
    )
    return Sample(
        user(text({"problem": parts[0][: begins.start()].strip()}, "problem")), (solution,)
    )


def processbench(row: Row) -> Sample:
    """ProcessBench: a solution with the scores of ``human`` and of ``final_answer``.

    ``human`` scores each step up to the first error, and the whole solution with the index of the
    first error (−1: none). ``final_answer`` is 1 if the final answer is right. Steps after the
    first error have no label, because nobody judged them.
    """
    return Sample(user(text(row, "problem")), (_checked(row),))


def _checked(row: Row) -> Solution:
    steps, label = listing(row, "steps"), row.get("label")
    if not all(isinstance(step, str) for step in steps) or type(label) is not int:
        raise ShapeError("'steps' must be texts and 'label' a whole number")
    if not -1 <= label < len(steps):
        raise ShapeError(f"'label' {label} is no step: there are {len(steps)}")
    judged = len(steps) if label < 0 else label + 1
    labels = [place != label for place in range(judged)]
    unknown: list[None] = [None] * (len(steps) - judged)
    answered = row.get("final_answer_correct")
    outcome = [] if answered is None else [SampleScore("final_answer", float(bool(answered)))]
    return _labelled(
        steps,
        [*map(float, labels), *unknown],
        [*labels, *unknown],
        annotator="human",
        join="\n\n",
        whole=(SampleScore("human", float(label)),),
        after=tuple(outcome),
        model=row.get("generator"),
    )


def _labelled(
    steps: Sequence[str],
    values: Sequence[float | None],
    labels: Sequence[bool | None],
    *,
    annotator: str,
    join: str = "\n",
    whole: tuple[SampleScore, ...] = (),
    after: tuple[SampleScore, ...] = (),
    model: str | None = None,
    made: dict[str, Any] | None = None,
) -> Solution:
    """A solution with labelled steps. All steps but the last end with ``join``."""
    for place, step in enumerate(steps):
        text({"step": step}, "step", of=f"step {place}")
    each = [
        SampleScore(annotator, value, step)
        for step, value in enumerate(values)
        if value is not None
    ]
    return Solution(
        tuple([f"{step}{join}" for step in steps[:-1]] + [steps[-1]]),
        model=model,
        made=made or {},
        scores=(*whole, *each, *after),
        labels=tuple(labels),
        values=tuple(values),
    )


def _fields(*names: str) -> dict[str, tuple[str, ...]]:
    return {name: (name,) for name in names}


FOUND = (
    Shape(
        ("prm800k",),
        "a labelled solution with alternative steps (Lightman et al. 2023, arXiv:2305.20050)",
        _fields("question", "label", "labeler"),
        prm800k,
    ),
    Shape(
        ("math-shepherd",),
        "a solution whose steps rollouts judged (Wang et al. 2023, arXiv:2312.08935)",
        _fields("input", "label", "task"),
        math_shepherd,
    ),
    Shape(
        ("processbench",),
        "a solution and its first wrong step, −1 for none (Zheng et al. 2024, arXiv:2412.06559)",
        _fields("problem", "steps", "label", "final_answer_correct", "generator"),
        processbench,
    ),
)
