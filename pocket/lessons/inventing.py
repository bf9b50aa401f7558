"""Lessons of whoever asks: a new problem, the problem behind a solution, questions about a text."""

import random

from ..asking import ask
from ..authors import Author, write
from ..judging import final_answer, judge_steps
from ..reasoning import answer
from ..stock import fact, facts, holds
from ..wording import read, render
from .lesson import Lesson, Messages, Sampler, chat, exact


def new_problem(sampler: Sampler) -> Messages:
    """A problem, after up to two that are not to be repeated."""
    examples = [render(sampler.problem()) for _ in range(sampler.rng.randint(0, 2))]
    return chat(ask("new_problem", prompt="", examples=examples), render(sampler.problem()))


def intent(sampler: Sampler) -> Messages:
    """The problem that a solution solves."""
    problem = sampler.problem()
    solution = write(problem, Author(style=sampler.rng.choice(("plain", "we"))), sampler.rng)
    return chat(ask("intent", response=solution), render(problem))


def question(sampler: Sampler) -> Messages:
    """A question that a text answers."""
    text, question_text, _ = _of_text(sampler.rng, sampler)
    return chat(ask("question", text=text), question_text)


def answer_from_text(sampler: Sampler) -> Messages:
    """The answer that a text gives to a question."""
    text, question_text, answer_text = _of_text(sampler.rng, sampler)
    return chat(ask("answer_from_text", text=text, question=question_text), answer_text)


def _of_text(rng: random.Random, sampler: Sampler) -> tuple[str, str, str]:
    """A text of three facts, or of a problem without its question; a question; the answer."""
    if rng.random() < 0.5:
        text, _, question_text = (problem := render(worded := sampler.problem())).rpartition(". ")
        assert problem
        return f"{text}.", question_text, f"Answer: {answer(worded)}"
    drawn_facts = rng.sample(facts(sampler.split), 3)
    bag, thing, shop = rng.choice(drawn_facts)
    question_text = f"How many {thing} does {shop} put in each of the {bag}?"
    return (
        " ".join(fact(*each) for each in drawn_facts),
        question_text,
        f"Answer: {holds(bag, thing, shop)}",
    )


def _words_a_problem(messages: Messages, text: str) -> bool:
    return read(text) is not None


def _is_solved_by(messages: Messages, text: str) -> bool:
    """Whether the problem in ``text`` is solved by the solution in the chat, step by step."""
    problem = read(text)
    if problem is None:
        return False
    solution = str(messages[0]["content"]).partition("Solution:\n")[2].rpartition("\n")[0]
    judged = judge_steps(problem, solution)
    return judged.correct and judged.first_error is None


def _answered_by(messages: Messages, text: str) -> bool:
    return final_answer(text) == final_answer(messages[-1]["content"])


LESSONS = {
    "new_problem": Lesson(0.06, new_problem),
    "intent": Lesson(0.03, intent, {"of the world": _words_a_problem, "solved so": _is_solved_by}),
    "question": Lesson(0.02, question, {"exact": exact}),
    "answer_from_text": Lesson(0.02, answer_from_text, {"right": _answered_by}),
}
