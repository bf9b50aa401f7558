"""What models were asked at each step of an answer: about the beginning that ends with it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from assets.tracing.questions import Question
from assets.tracing.steps import Step
from schemas import content_id


def continued(text: str, questions: Sequence[Question]) -> list[Step]:
    """The steps of an answer that was searched for, of which only the text is stored: it is cut
    where a model was asked to go on.

    Args:
        text: The answer.
        questions: The questions of the stage that wrote it, about its prompt.
    """
    inner = {len(one.continues) for one in questions if _begins(text, one.continues)}
    ends = [0, *sorted(inner), len(text)] if inner else []
    return [Step(text[start:end], {}) for start, end in pairwise(ends)]


def _begins(text: str, beginning: str) -> bool:
    return 0 < len(beginning) < len(text) and text.startswith(beginning)


def with_questions(
    steps: Sequence[Step], questions: Sequence[Question], prompt_id: str | None
) -> list[Step]:
    """``steps`` and their siblings, each with what was asked about the answer up to it: what an
    annotator was asked to score, and what a model was asked to continue.

    Args:
        steps: The steps of one answer, in order.
        questions: Questions about the prompt and its answers.
        prompt_id: The prompt.
    """

    def at(step: Step, before: str) -> Step:
        beginning = before + step.text
        ids = {step.node_id, content_id(beginning)}
        about_step = [
            one
            for one in questions
            if len(one.about) == 1
            and (
                one.about[0] in ids
                or (one.continues == beginning and one.about[0] == prompt_id and beginning)
            )
        ]
        siblings = [at(sibling, before) for sibling in step.siblings]
        return replace(step, questions=about_step, siblings=siblings)

    annotated, before = [], ""
    for step in steps:
        annotated.append(at(step, before))
        before += step.text
    return annotated


def questions_of(steps: Sequence[Step]) -> Iterator[Question]:
    """The questions of steps and of their siblings."""
    for step in steps:
        yield from step.questions
        yield from questions_of(step.siblings)
