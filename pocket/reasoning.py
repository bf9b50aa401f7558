"""How a problem is worked out, rightly or under a misconception."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .world import Problem

Habit = Literal["twos", "others", "bags", "slips", "pads"]
"""What an author may be given to. Misconceptions, held for a whole problem:
`twos` takes doubling for adding two and halving for taking two away, `others` counts what belongs
to somebody else, `bags` adds the bags to the items in each instead of multiplying. Besides:
`slips` gets a sum wrong now and then, and `pads` says more than is needed (which is no error)."""

MISCONCEPTIONS: tuple[Habit, ...] = ("twos", "others", "bags")

CAREFUL: frozenset[Habit] = frozenset()

Expression = tuple[int, str, int]
"""Left operand, sign (one of + - x /), right operand."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to do with the numbers of a problem, or (`count`) to leave alone."""

    event: int
    """Index in `Problem.events` of the event that asks for it."""
    does: Literal["pack", "together", "gain", "lose", "double", "halve", "count"]
    n: int = 0
    each: int = 0
    who: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """What an author has in mind between two steps."""

    value: int = 0
    """How many things the owner has so far."""
    packed: int = 0
    """How many things are in the bags just counted, before they are added."""


@dataclass(frozen=True, slots=True)
class Step:
    """An operation carried out: `left sign right = result`."""

    operation: Operation
    left: int
    sign: str
    right: int
    result: int
    before: Carried
    after: Carried
    habit: Habit | None
    """The misconception that made it, or None."""


def operations(problem: Problem) -> tuple[Operation, ...]:
    """All operations in the order of events; those that `count` another's things among them."""
    steps: list[Operation] = []
    for index, event in enumerate(problem.events):
        n, each = event.n, event.each
        match event.kind:
            case "has":
                continue
            case "packs":
                steps.append(Operation(index, "pack", n, each))
            case "bags":
                steps.append(Operation(index, "pack", n, each))
                steps.append(Operation(index, "together"))
            case "gains":
                steps.append(Operation(index, "gain", n))
            case "loses":
                steps.append(Operation(index, "lose", n))
            case "doubles":
                steps.append(Operation(index, "double"))
            case "halves":
                steps.append(Operation(index, "halve"))
            case "other":
                steps.append(Operation(index, "count", n, who=event.who))
    return tuple(steps)


def start(problem: Problem) -> Carried:
    """What is carried before the first operation."""
    first = problem.events[0]
    return Carried(first.n if first.kind == "has" else 0)


def express(
    operation: Operation, carried: Carried, held: frozenset[Habit] = CAREFUL
) -> Expression | None:
    """What an author with the habits `held` works out for an operation; None where nothing."""
    value = carried.value
    match operation.does:
        case "pack":
            return operation.n, "+" if "bags" in held else "x", operation.each
        case "together":
            return value, "+", carried.packed
        case "gain":
            return value, "+", operation.n
        case "lose":
            return value, "-", operation.n
        case "double":
            return value, "+" if "twos" in held else "x", 2
        case "halve":
            return value, "-" if "twos" in held else "/", 2
        case "count":
            return (value, "+", operation.n) if "others" in held else None


def compute(left: int, sign: str, right: int) -> int | None:
    """The result, in whole things (7 / 2 = 3); None for a division by zero."""
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "x":
            return left * right
        case _:
            return left // right if right else None


def carry(operation: Operation, carried: Carried, result: int) -> Carried:
    """What is carried after an operation that came to `result`."""
    if operation.does == "pack" and operation.event > 0:
        return Carried(carried.value, result)
    return Carried(result)


def blame(operation: Operation) -> Habit | None:
    """The misconception that an operation can bring out, or None."""
    match operation.does:
        case "pack":
            return "bags"
        case "double" | "halve":
            return "twos"
        case "count":
            return "others"
        case _:
            return None


def work(
    todo: tuple[Operation, ...], carried: Carried, held: frozenset[Habit] = CAREFUL
) -> Iterator[Step]:
    """The steps of an author with the habits `held`, who makes no slip."""
    for operation in todo:
        expression = express(operation, carried, held)
        if expression is None:
            continue
        left, sign, right = expression
        result = compute(left, sign, right)
        assert result is not None, "an author divides only by two"
        after = carry(operation, carried, result)
        habit = blame(operation)
        yield Step(
            operation, left, sign, right, result, carried, after, habit if habit in held else None
        )
        carried = after


def answer(problem: Problem, held: frozenset[Habit] = CAREFUL) -> int:
    """How many things the owner has in the end: the truth, or what misconceptions make of it."""
    carried = start(problem)
    for step in work(operations(problem), carried, held):
        carried = step.after
    return carried.value


def brought_out(problem: Problem) -> frozenset[Habit]:
    """The misconceptions that would change the solution of a problem."""
    return frozenset(habit for op in operations(problem) if (habit := blame(op)) is not None)


def difficulty(problem: Problem) -> int:
    """How many operations the careful solution of a problem has."""
    return sum(operation.does != "count" for operation in operations(problem))
