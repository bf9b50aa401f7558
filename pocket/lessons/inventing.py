"""Lessons of whoever asks: a new problem, the problem behind a solution, questions about a text."""

import random

from ..asking import ask
from ..authors import Author, write
from ..judging import final_answer, judge_steps
from ..reasoning import answer
from ..stock import fact, facts, holds
from ..wording import read, render
from .lesson import Lesson, Messages, Told, chat, exact


def new_problem(told: Told) -> Messages:
    """A problem, after up to two that are not to be repeated."""
    examples = [render(told.problem()) for _ in range(told.rng.randint(0, 2))]
    return chat(ask("new_problem", prompt="", examples=examples), render(told.problem()))


def intent(told: Told) -> Messages:
    """The problem that a solution solves."""
    asked = told.problem()
    solution = write(asked, Author(style=told.rng.choice(("plain", "we"))), told.rng)
    return chat(ask("intent", response=solution), render(asked))


def question(told: Told) -> Messages:
    """A question that a text answers."""
    text, asked, _ = _of_text(told.rng, told)
    return chat(ask("question", text=text), asked)


def answer_from_text(told: Told) -> Messages:
    """The answer that a text gives to a question."""
    text, asked, said = _of_text(told.rng, told)
    return chat(ask("answer_from_text", text=text, question=asked), said)


def _of_text(rng: random.Random, told: Told) -> tuple[str, str, str]:
    """A text of three facts, or of a problem without its question; a question; the answer."""
    if rng.random() < 0.5:
        text, _, asked = (problem := render(worded := told.problem())).rpartition(". ")
        assert problem
        return f"{text}.", asked, f"Answer: {answer(worded)}"
    known = rng.sample(facts(told.split), 3)
    bag, thing, shop = rng.choice(known)
    asked = f"How many {thing} does {shop} put in each of the {bag}?"
    return " ".join(fact(*each) for each in known), asked, f"Answer: {holds(bag, thing, shop)}"


def _words_a_problem(told: Messages, said: str) -> bool:
    return read(said) is not None


def _is_solved_by(told: Messages, said: str) -> bool:
    """Whether the problem said is solved by the solution shown, step by step."""
    asked = read(said)
    if asked is None:
        return False
    shown = str(told[0]["content"]).partition("Solution:\n")[2].rpartition("\n")[0]
    judged = judge_steps(asked, shown)
    return judged.correct and judged.first_error is None


def _answered_by(told: Messages, said: str) -> bool:
    return final_answer(said) == final_answer(told[-1]["content"])


LESSONS = {
    "new_problem": Lesson(0.06, new_problem),
    "intent": Lesson(0.03, intent, {"of the world": _words_a_problem, "solved so": _is_solved_by}),
    "question": Lesson(0.02, question, {"exact": exact}),
    "answer_from_text": Lesson(0.02, answer_from_text, {"right": _answered_by}),
}
