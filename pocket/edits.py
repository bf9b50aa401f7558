"""Small errors put into right solutions, and errors put right again."""

import random
import re
from dataclasses import replace
from typing import Literal, get_args

from .authors import Author, write
from .judging import reached, split_steps
from .problems import HIGHEST, workable
from .reasoning import Expression, compute
from .world import Problem

Error = Literal["number", "operation", "sum"]
"""A kind of small error: a number of the last step is misread, its sign is another, or its result
is off by 1, 2 or 10. The result and the answer follow."""

ERRORS: tuple[Error, ...] = get_args(Error)

_EQUATION = re.compile(r"(\d+) ([-+x/]) (\d+) = (\d+)")
_OFF = (-10, -2, -1, 1, 2, 10)
_SIGNS = {"+": "-x", "-": "+", "x": "+", "/": "-"}


def inject(solution: str, kind: Error, rng: random.Random) -> str:
    """The solution with an error of the kind in its last computing step.

    Of all such errors one that changes the fewest characters is drawn. A solution that computes
    nothing, or where the kind changes no result, comes back as it is.
    """
    equations = list(_EQUATION.finditer(solution))
    if not equations:
        return solution
    last = equations[-1]
    expression = (int(last[1]), last[2], int(last[3]))
    edited = [
        _put(solution, last, wrong, result)
        for wrong, result in _wrong(kind, expression, int(last[4]))
        if 1 <= result <= HIGHEST and result != int(last[4])
    ]
    if not edited or kind == "operation":
        # One other sign is enough: a second is for where the first leaves the world's numbers.
        return edited[0] if edited else solution
    least = min(_edit_distance(solution, text) for text in edited)
    return rng.choice([text for text in edited if _edit_distance(solution, text) == least])


def put_right(
    problem: Problem, solution: str, fault: int | None, author: Author, rng: random.Random
) -> str:
    """The solution with the line of index `fault` put right, and what follows from it.

    The author goes on from there without slips and padding, so holding what the line shows would
    only repeat it. With no fault the solution comes back as it is.
    """
    if fault is None:
        return solution
    lines = split_steps(solution)[:fault]
    todo, carried = reached(problem, lines)
    careful = replace(author, held=author.held - {"slips", "pads"})
    if not workable(todo, carried, careful.held):
        return write(problem, careful, rng)
    return "\n".join([*lines, write(problem, careful, rng, after=(todo, carried))])


def _wrong(kind: Error, right: Expression, result: int) -> list[tuple[Expression, int]]:
    """Expressions of an error, with the results that they state."""
    left, sign, operand = right
    if kind == "sum":
        return [(right, result + off) for off in _OFF]
    if kind == "operation":
        signs: list[Expression] = [(left, other, operand) for other in _SIGNS[sign]]
        return [(each, compute(*each) or 0) for each in signs]
    halves = sign == "/"
    misread: list[Expression] = [
        (left + off, sign, operand) if halves or operand == 2 else (left, sign, operand + off)
        for off in _OFF
        if not (halves and (left + off) % 2) and min(left, operand) + off > 0
    ]
    return [(each, compute(*each) or 0) for each in misread]


def _put(solution: str, last: re.Match[str], wrong: Expression, result: int) -> str:
    left, sign, right = wrong
    rest = re.sub(rf"(?<=Answer: ){last[4]}\b", str(result), solution[last.end() :])
    return f"{solution[: last.start()]}{left} {sign} {right} = {result}{rest}"


def _edit_distance(one: str, other: str) -> int:
    """How many characters differ; a length that differs counts for as much."""
    differ = sum(a != b for a, b in zip(one, other, strict=False))
    return differ if len(one) == len(other) else len(one)
