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
from .lesson import Lesson, Messages, Sampler, chat, exact, only_where, problem_of, solved

WAIT = "Wait, that step is wrong."
"""What takes back the step before it."""
PLAIN = 0.4
"""Share of the solutions mended in line after a plain prompt: they go on from `WAIT`, which is
given, so that nobody learns to take steps back unasked."""


def look_again(sampler: Sampler) -> Messages:
    """A second attempt, after the first alone or after an own verdict on it."""
    problem = sampler.problem()
    first = sampler.attempt(problem)
    turns = [render(problem), first.text]
    if sampler.rng.random() < 0.5:
        turns += [ask("own_verdict"), _word(_opinion(sampler, problem, first))]
    return _learned(chat(*turns, ask("look_again"), _second_attempt(sampler, problem, first)), 1)


def own_verdict(sampler: Sampler) -> Messages:
    """Whether the last of up to three own attempts is right."""
    problem = sampler.problem()
    tried = sampler.attempt(problem)
    turns = [render(problem), tried.text]
    for _ in range(sampler.rng.choice((0, 0, 1, 2))):
        tried = Response(_second_attempt(sampler, problem, tried), author=tried.author)
        turns += [ask("look_again"), tried.text]
    turns += [ask("own_verdict"), _word(_opinion(sampler, problem, tried))]
    return _learned(chat(*turns), 1)


def try_again(sampler: Sampler) -> Messages:
    """Another attempt each time that it is said to be wrong, up to five in all."""
    problem = sampler.problem()
    tried = sampler.attempt(problem, wrong=True)
    turns = [render(problem), tried.text]
    for _ in range(sampler.rng.randint(1, 4)):
        tried = Response(_second_attempt(sampler, problem, tried), author=tried.author)
        turns += [ask("try_again"), tried.text]
        if judge_steps(problem, tried.text).correct:
            break
    return _learned(chat(*turns), 1)


def mend_in_line(sampler: Sampler) -> Messages:
    """A solution that takes a wrong step back and goes on from the right one."""
    problem = sampler.problem()
    tried = sampler.attempt(problem)
    opinion = consider(problem, tried, sampler.judge(0.5))
    plain = sampler.rng.random() < PLAIN
    if opinion.fault is None or opinion.fault == len(split_steps(tried.text)) - 1:
        return chat(ask("mend_in_line", prompt=render(problem)), tried.text)
    kept = [*split_steps(tried.text)[: opinion.fault + 1], WAIT]
    better = split_steps(_put_right(sampler, problem, tried, opinion))[opinion.fault :]
    question = render(problem) if plain else ask("mend_in_line", prompt=render(problem))
    mended = chat(question, "\n".join([*kept, *better]))
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


def _opinion(sampler: Sampler, problem: Problem, tried: Response) -> Opinion:
    return consider(problem, tried, sampler.judge())


def _word(opinion: Opinion) -> str:
    return "right" if opinion.right else "wrong"


def _second_attempt(sampler: Sampler, problem: Problem, tried: Response) -> str:
    """The attempt as it is where nothing is seen to be wrong, else from the wrong step on."""
    opinion = consider(problem, tried, sampler.judge(0.7))
    return tried.text if opinion.right else _put_right(sampler, problem, tried, opinion)


def _put_right(sampler: Sampler, problem: Problem, tried: Response, opinion: Opinion) -> str:
    author = tried.author or Author()
    kept = author.held - {opinion.habit} if sampler.name else frozenset()
    return put_right(
        problem, tried.text, opinion.fault or 0, replace(author, held=kept), sampler.rng
    )


def _learned(messages: Messages, count: int) -> Messages:
    """The chat, of whose assistant's turns the last `count` are learned."""
    assistant_turns = [turn for turn in messages if turn["role"] == "assistant"]
    for turn in assistant_turns[:-count]:
        turn["given"] = len(turn["content"])
    return messages


def _was_right(messages: Messages) -> bool:
    return judge_steps(problem_of(messages), messages[1]["content"]).correct


def _was_wrong(messages: Messages) -> bool:
    return not _was_right(messages)


def _takes_back(messages: Messages, text: str) -> bool:
    return WAIT in split_steps(text)


def _is_wrong(messages: Messages) -> bool:
    return bool(messages[-1]["content"] == "wrong")


def _needs_mending(messages: Messages) -> bool:
    return WAIT in messages[-1]["content"]


_BOTH = {"put right": only_where(_was_wrong, solved), "kept right": only_where(_was_right, solved)}

LESSONS = {
    "look_again": Lesson(0.04, look_again, _BOTH),
    "own_verdict": Lesson(
        0.04, own_verdict, {"right": exact, "right where it is wrong": only_where(_is_wrong, exact)}
    ),
    "try_again": Lesson(0.03, try_again, {"put right": solved}),
    "mend_in_line": Lesson(
        0.04,
        mend_in_line,
        {
            "right": solved,
            "right after a wrong step": only_where(_needs_mending, solved),
            "false alarms": only_where(lambda messages: not _needs_mending(messages), _takes_back),
        },
    ),
}
