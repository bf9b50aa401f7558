"""Lessons of tools: calls and replies while a problem is solved, or a solution judged."""

import re

from ..asking import ask
from ..judges import consider
from ..judging import final_answer, split_steps
from ..reasoning import MISCONCEPTIONS, Habit, answer, operations, start, work
from ..stock import NO_SUCH, call, read_stocked, stocked
from ..wording import render
from ..world import Problem
from .lesson import Lesson, Messages, Sampler, chat, exact

OFFER = "You may call calc and look."
"""What offers the tools, where it is not the template that does."""
FAILS = 0.1
"""Share of the chats in which a first call fails."""
_SIGNS = {"+": "+", "-": "-", "x": "*", "/": "//"}
_MOST_CHECKED = 4
_EQUATION = re.compile(r"(\d+) ([-+x/]) (\d+) = \d+")


def use_tools(sampler: Sampler) -> Messages:
    """Each step by a call, and what the problem leaves out looked up."""
    while True:
        problem = sampler.problem()
        text = (
            render(problem)
            if sampler.rng.random() < 0.3
            else stocked(problem, sampler.rng, sampler.split)
        )
        if text is not None:
            break
    held = frozenset(sampler.author().held) & frozenset(MISCONCEPTIONS)
    offered = sampler.rng.random() < 0.4
    question = text if offered else ask("use_tools", prompt=text)
    system_turns = [{"role": "system", "content": OFFER}] if offered else []
    return [
        *system_turns,
        {"role": "user", "content": question},
        *_solving(sampler, problem, text, held),
    ]


def _solving(sampler: Sampler, problem: Problem, text: str, held: frozenset[Habit]) -> Messages:
    sought = [found[0] for found in re.finditer(r"\w+ of \w+ from \w+", text)]
    calls: list[str] = []
    result = start(problem).value
    for step in work(operations(problem), start(problem), held):
        if step.operation.does == "pack" and sought:
            calls.append(f"look({sought.pop(0)})")
        calls.append(f"calc({step.left} {_SIGNS[step.sign]} {step.right})")
        result = step.after.value
    turns: Messages = []
    if sought_first(calls) and sampler.rng.random() < FAILS:
        failed = f"look({problem.thing})"
        turns += [{"role": "assistant", "content": failed, "given": len(failed)}]
        turns += [{"role": "tool", "content": NO_SUCH}]
    return [*turns, *_called(calls), {"role": "assistant", "content": f"Answer: {result}"}]


def sought_first(calls: list[str]) -> bool:
    """Whether the first call looks something up."""
    return bool(calls) and calls[0].startswith("look(")


def judge_with_tools(sampler: Sampler) -> Messages:
    """Sums worked out again before the verdict, which then overlooks no slip."""
    problem = sampler.problem()
    response = sampler.response(problem)
    right = consider(problem, response, sampler.judge()).right
    question = ask("judge_with_tools", prompt=render(problem), response=response.text)
    sums = _EQUATION.findall(response.text)[:_MOST_CHECKED]
    calls = [f"calc({left} {_SIGNS[sign]} {other})" for left, sign, other in sums]
    return [*chat(question), *_called(calls), {"role": "assistant", "content": str(right)}]


def _called(calls: list[str]) -> Messages:
    turns: Messages = []
    for each in calls:
        reply = call(each)
        assert reply is not None, "a lesson calls tools rightly"
        turns += [{"role": "assistant", "content": each}, {"role": "tool", "content": reply}]
    return turns


def _solves(messages: Messages, text: str) -> bool:
    problem = next(filter(None, map(read_stocked, _user_lines(messages))), None)
    return problem is not None and final_answer(text) == answer(problem)


def _user_lines(messages: Messages) -> list[str]:
    return [
        line for turn in messages if turn["role"] == "user" for line in split_steps(turn["content"])
    ]


LESSONS = {
    "use_tools": Lesson(0.05, use_tools, {"right": _solves}),
    "judge_with_tools": Lesson(0.03, judge_with_tools, {"right": exact}),
}
