"""Lessons of second attempts: look again, say whether it is right, stop, mend a step in line."""

from dataclasses import replace

from ..asking import ask
from ..authors import Author
from ..edits import put_right
from ..judges import Opinion, consider
from ..judging import judge_steps, split_steps
from ..responses import Response
from ..wording import render
from ..world import Problem
from .lesson import Lesson, Messages, Told, asked_of, chat, exact, solved, where

WAIT = "Wait, that step is wrong."
"""What takes back the step before it."""
PLAIN = 0.4
"""Share of the solutions mended in line after a plain prompt: they go on from `WAIT`, which is
given, so that nobody learns to take steps back unasked."""


def look_again(told: Told) -> Messages:
    """A second attempt, after the first alone or after an own verdict on it."""
    asked = told.problem()
    first = told.attempt(asked)
    turns = [render(asked), first.text]
    if told.rng.random() < 0.5:
        turns += [ask("own_verdict"), _word(_seen(told, asked, first))]
    return _learned(chat(*turns, ask("look_again"), _again(told, asked, first)), 1)


def own_verdict(told: Told) -> Messages:
    """Whether the last of up to three own attempts is right."""
    asked = told.problem()
    tried = told.attempt(asked)
    turns = [render(asked), tried.text]
    for _ in range(told.rng.choice((0, 0, 1, 2))):
        tried = Response(_again(told, asked, tried), author=tried.author)
        turns += [ask("look_again"), tried.text]
    turns += [ask("own_verdict"), _word(_seen(told, asked, tried))]
    return _learned(chat(*turns), 1)


def try_again(told: Told) -> Messages:
    """Another attempt each time that it is said to be wrong, up to five in all."""
    asked = told.problem()
    tried = told.attempt(asked, wrong=True)
    turns = [render(asked), tried.text]
    for _ in range(told.rng.randint(1, 4)):
        tried = Response(_again(told, asked, tried), author=tried.author)
        turns += [ask("try_again"), tried.text]
        if judge_steps(asked, tried.text).correct:
            break
    return _learned(chat(*turns), 1)


def mend_in_line(told: Told) -> Messages:
    """A solution that takes a wrong step back and goes on from the right one."""
    asked = told.problem()
    tried = told.attempt(asked)
    opinion = consider(asked, tried, told.judge(0.5))
    plain = told.rng.random() < PLAIN
    if opinion.fault is None or opinion.fault == len(split_steps(tried.text)) - 1:
        return chat(ask("mend_in_line", prompt=render(asked)), tried.text)
    kept = [*split_steps(tried.text)[: opinion.fault + 1], WAIT]
    better = split_steps(_put_right(told, asked, tried, opinion))[opinion.fault :]
    said = render(asked) if plain else ask("mend_in_line", prompt=render(asked))
    mended = chat(said, "\n".join([*kept, *better]))
    if plain:
        mended[-1]["given"] = len("\n".join([*kept, ""]))
    return mended


def settled(text: str) -> str:
    """A solution without the steps that it takes back, and without the words that do so."""
    lines: list[str] = []
    for line in split_steps(text):
        if line == WAIT:
            lines = lines[:-1]
        else:
            lines.append(line)
    return "\n".join(lines)


def _seen(told: Told, asked: Problem, tried: Response) -> Opinion:
    return consider(asked, tried, told.judge())


def _word(opinion: Opinion) -> str:
    return "right" if opinion.right else "wrong"


def _again(told: Told, asked: Problem, tried: Response) -> str:
    """The attempt as it is where nothing is seen to be wrong, else from the wrong step on."""
    opinion = consider(asked, tried, told.judge(0.7))
    return tried.text if opinion.right else _put_right(told, asked, tried, opinion)


def _put_right(told: Told, asked: Problem, tried: Response, opinion: Opinion) -> str:
    author = tried.author or Author()
    kept = author.held - {opinion.habit} if told.name else frozenset()
    return put_right(asked, tried.text, opinion.fault or 0, replace(author, held=kept), told.rng)


def _learned(told: Messages, count: int) -> Messages:
    """The chat, of whose assistant's turns the last `count` are learned."""
    spoken = [turn for turn in told if turn["role"] == "assistant"]
    for turn in spoken[:-count]:
        turn["given"] = len(turn["content"])
    return told


def _was_right(told: Messages) -> bool:
    return judge_steps(asked_of(told), told[1]["content"]).correct


def _was_wrong(told: Messages) -> bool:
    return not _was_right(told)


def _takes_back(told: Messages, said: str) -> bool:
    return WAIT in split_steps(said)


def _is_wrong(told: Messages) -> bool:
    return bool(told[-1]["content"] == "wrong")


def _needs_mending(told: Messages) -> bool:
    return WAIT in told[-1]["content"]


_BOTH = {"put right": where(_was_wrong, solved), "kept right": where(_was_right, solved)}

LESSONS = {
    "look_again": Lesson(0.04, look_again, _BOTH),
    "own_verdict": Lesson(
        0.04, own_verdict, {"right": exact, "right where it is wrong": where(_is_wrong, exact)}
    ),
    "try_again": Lesson(0.03, try_again, {"put right": solved}),
    "mend_in_line": Lesson(
        0.04,
        mend_in_line,
        {
            "right": solved,
            "right after a wrong step": where(_needs_mending, solved),
            "false alarms": where(lambda told: not _needs_mending(told), _takes_back),
        },
    ),
}
