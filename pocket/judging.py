"""The truth about a solution: each step, the first error, the habit behind it, the final answer."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from .reasoning import (
    Carried,
    Expression,
    Habit,
    Operation,
    answer,
    blame,
    carry,
    compute,
    express,
    operations,
    start,
)
from .wording import read
from .world import Problem

_EQUATION = re.compile(r"(\d{1,9})\s*([-+x/])\s*(\d{1,9})\s*=\s*(-?\d{1,9})")
_ANSWER = re.compile(r"\banswer:[ \t]*([^\n]*)", re.IGNORECASE)
_NUMBER = re.compile(r"(-?\d{1,9})[.]?\s*")


@dataclass(frozen=True, slots=True)
class JudgedStep:
    """One line of a solution and the truth about it."""

    text: str
    right: bool
    """Whether it is what the problem asks for next, rightly computed *from the number carried so
    far*: after an error, a step that follows from the wrong number is right again. A line that
    computes nothing is right. The answer line is right if it states the carried number and
    nothing was left out."""
    habit: Habit | None = None
    """The habit behind a wrong step; None if it is right, or no habit explains it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The truth about a solution."""

    steps: tuple[JudgedStep, ...]
    answer: int | None
    """The final answer it gives; None where it gives none, or more than one."""
    correct: bool
    """Whether `answer` is the truth."""

    @property
    def first_error(self) -> int | None:
        """Index in `steps` of the first wrong one; None where all are right."""
        wrong = (index for index, step in enumerate(self.steps) if not step.right)
        return next(wrong, None)


def split_steps(solution: str) -> tuple[str, ...]:
    """The steps of a solution: its lines, without the empty ones. The answer line is the last."""
    return tuple(line.strip() for line in solution.splitlines() if line.strip())


def final_answer(solution: str) -> int | None:
    """The number that a solution's answer line gives.

    None where there is no such line, or one of several things it calls the answer is not a
    whole number or is another one: who hedges has not answered.
    """
    stated = [_NUMBER.fullmatch(rest) for rest in _ANSWER.findall(solution)]
    numbers = {int(match[1]) if match else None for match in stated}
    return numbers.pop() if len(numbers) == 1 else None


def judge_steps(problem: Problem, solution: str) -> Judgement:
    """Judge a solution of a problem step by step. Any text can be judged; none is an error."""
    judged = tuple(step for step, _, _ in _walk(problem, split_steps(solution)))
    stated = final_answer(solution)
    return Judgement(judged, stated, stated == answer(problem))


def reached(problem: Problem, lines: Sequence[str]) -> tuple[tuple[Operation, ...], Carried]:
    """What is left to do, and carried, after the first lines of a solution."""
    walked = [(todo, carried) for _, todo, carried in _walk(problem, lines)]
    return walked[-1] if walked else (operations(problem), start(problem))


def check(messages: Sequence[Mapping[str, str]], reference: str | None, text: str) -> bool:
    """Whether the final answer of a response is the reference: the verifier of pocket prompts.

    messages: the prompt; not needed, since the reference says all.
    reference: the answer in digits, such as "42", or a worked solution that ends with it.
    A response without a final answer, or with two different ones, is wrong.
    Raises ValueError for a reference that is missing or gives no whole number.
    """
    if reference is None:
        raise ValueError("pocket.check needs the reference answer of the prompt, and it has none")
    match = _NUMBER.fullmatch(reference.strip())
    truth = final_answer(reference) if match is None else int(match[1])
    if truth is None:
        raise ValueError(
            "pocket.check needs a whole number such as '42', or a solution that ends with one, "
            f"for a reference, not {reference!r}"
        )
    return final_answer(text) == truth


def check_steps(
    messages: Sequence[Mapping[str, str]], reference: str | None, steps: Sequence[str]
) -> list[bool | None]:
    """Whether each step of a response is right: the attribute ``steps`` of `check`.

    messages: the prompt, whose last turn words the problem.
    steps: texts that joined are the response. A line belongs to the step in which it ends; of a
    step in which none ends there is nothing to tell, and of one in which several do all must be
    right.
    Raises ValueError for a prompt that words no problem of this world.
    """
    problem = read(messages[-1]["content"])
    if problem is None:
        raise ValueError("the prompt words no problem of the pocket world")
    return in_steps(steps, [step.right for step in judge_steps(problem, "".join(steps)).steps])


def in_steps(steps: Sequence[str], lines: Sequence[bool]) -> list[bool | None]:
    """What holds of each step, from what holds of each line with words of the joined steps."""
    line_values = iter(lines)
    ends = list(accumulate(map(len, steps)))
    values: list[bool | None] = [None] * len(steps)
    place = 0
    for line in "".join(steps).splitlines(keepends=True):
        if line.strip():
            step = bisect_left(ends, place + len(line.rstrip()))
            values[step] = next(line_values) and values[step] is not False
        place += len(line)
    return values


check.steps = check_steps  # type: ignore[attr-defined]  # how a check says that it knows steps


def _walk(
    problem: Problem, lines: Sequence[str]
) -> Iterator[tuple[JudgedStep, tuple[Operation, ...], Carried]]:
    """Each line judged; also what is left to do, and carried, after it."""
    todo, carried = operations(problem), start(problem)
    for line in lines:
        if _ANSWER.search(line):
            left_out = any(operation.does != "count" for operation in todo)
            stated = final_answer(line)
            right = stated == carried.value and not left_out
            # An author who copies the last result wrongly slips, like one who computes it wrongly.
            slipped = not right and not left_out and stated is not None
            yield JudgedStep(line, right, "slips" if slipped else None), todo, carried
            continue
        equations = _EQUATION.findall(line)
        if not equations:
            yield JudgedStep(line, right=True), todo, carried
            continue
        left, sign, right_operand, result = equations[-1]
        expression = (int(left), sign, int(right_operand))
        step, todo, carried = _judge(line, expression, int(result), todo, carried)
        yield step, todo, carried


def _judge(
    line: str,
    expression: Expression,
    result: int,
    todo: tuple[Operation, ...],
    carried: Carried,
) -> tuple[JudgedStep, tuple[Operation, ...], Carried]:
    """Judge one line that computes something; also what is left to do, and carried, after it."""
    # Another's things may be counted wherever the text tells of them, or left alone.
    upcoming = [place for place, operation in enumerate(todo) if operation.does != "count"]
    ahead = upcoming[0] if upcoming else len(todo)
    for place in range(ahead):
        counted = todo[place]
        names_other = re.search(rf"\b(others|their|{counted.who})\b", line, re.I) is not None
        if _is(expression, counted, carried, "others") and (
            names_other or ahead == len(todo) or not _attempts(expression, todo[ahead], carried)
        ):
            return _wrong(line, "others", todo, place, carried, result)
    if ahead == len(todo):
        # There is nothing left to do: whatever this is, the problem does not ask for it.
        return JudgedStep(line, right=False), todo, Carried(result)
    expected = todo[ahead]
    if _is(expression, expected, carried, None):
        if compute(*expression) != result:
            return _wrong(line, "slips", todo, ahead, carried, result)
        return JudgedStep(line, right=True), todo[ahead + 1 :], carry(expected, carried, result)
    misconception = blame(expected)
    if misconception is not None and _is(expression, expected, carried, misconception):
        return _wrong(line, misconception, todo, ahead, carried, result)
    for place in upcoming[1:]:
        if _is(expression, todo[place], carried, None):
            # Operations were skipped; go on from the one carried out.
            return _wrong(line, None, todo, place, carried, result)
    return _wrong(line, None, todo, ahead, carried, result)


def _is(
    expression: Expression, operation: Operation, carried: Carried, habit: Habit | None
) -> bool:
    held = frozenset({habit}) if habit else frozenset[Habit]()
    return express(operation, carried, held) == expression


def _attempts(expression: Expression, operation: Operation, carried: Carried) -> bool:
    return any(_is(expression, operation, carried, habit) for habit in (None, blame(operation)))


def _wrong(
    line: str,
    habit: Habit | None,
    todo: tuple[Operation, ...],
    place: int,
    carried: Carried,
    result: int,
) -> tuple[JudgedStep, tuple[Operation, ...], Carried]:
    after = carry(todo[place], carried, result)
    return JudgedStep(line, right=False, habit=habit), todo[place + 1 :], after
