"""Problems as programs and expressions: the same truth in another form.

A program is assignments of sums to letters and one `print`; an expression is a sum with brackets.
Both are evaluated here, never by Python's `eval`.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from string import ascii_lowercase

from .reasoning import CAREFUL, Habit, operations, start, work
from .world import Problem

_SIGNS = {"+": "+", "-": "-", "x": "*", "/": "//"}
_DOES: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}
_LARGEST = 10**9
_LONGEST = 2000


def program(problem: Problem, held: frozenset[Habit] = CAREFUL) -> str:
    """The program of an author with the habits `held`: a letter a step, then `print`."""
    letters = iter(ascii_lowercase)
    lines: list[str] = []
    begins = start(problem)
    value, packed = "", ""
    if problem.events[0].kind == "has":
        value = next(letters)
        lines.append(f"{value} = {begins.value}")
    for step in work(operations(problem), begins, held):
        name, does = next(letters), step.operation.does
        left = str(step.left) if does == "pack" else value
        right = packed if does == "together" else str(step.right)
        lines.append(f"{name} = {left} {_SIGNS[step.sign]} {right}")
        if does == "pack":
            packed = name
        if does != "pack" or step.operation.event == 0:
            value = name
    return "\n".join([*lines, f"print({value})"])


def expression(problem: Problem, held: frozenset[Habit] = CAREFUL) -> str:
    """One expression of an author with the habits `held`; each step in brackets but the last."""
    begins = start(problem)
    value, packed = str(begins.value), ""
    for step in work(operations(problem), begins, held):
        does = step.operation.does
        left = str(step.left) if does == "pack" else value
        right = packed if does == "together" else str(step.right)
        part = f"({left} {_SIGNS[step.sign]} {right})"
        if does == "pack":
            packed = part
        if does != "pack" or step.operation.event == 0:
            value = part
    return value[1:-1] if value.startswith("(") else value


def run(text: str) -> int:
    """What a program prints. Raises ValueError for anything but such a program."""
    names: dict[str, int] = {}
    body = _parsed(text).body
    for line in body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                names[name] = _value(value, names)
            case ast.Expr(ast.Call(func=ast.Name(id="print"), args=[value], keywords=[])):
                if line is body[-1]:
                    return _value(value, names)
                raise ValueError("a program prints once, at its end")
            case _:
                raise ValueError("a program assigns and prints, and does nothing else")
    raise ValueError("a program ends with print")


def evaluate(text: str) -> int:
    """What an expression comes to. Raises ValueError for another thing than a sum."""
    match _parsed(text).body:
        case [ast.Expr(value)]:
            return _value(value, {})
    raise ValueError("an expression is one sum")


def _parsed(text: str) -> ast.Module:
    if len(text) > _LONGEST:
        raise ValueError("too long")
    try:
        return ast.parse(text.strip())
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"not readable: {error}") from None


def _value(node: ast.AST, names: Mapping[str, int], depth: int = 0) -> int:
    match node:
        case ast.Constant(value=int(value)) if depth < 100 and not isinstance(node.value, bool):
            return value
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _DOES and depth < 100:
            one, other = (_value(side, names, depth + 1) for side in (left, right))
            if isinstance(op, ast.FloorDiv) and other == 0:
                raise ValueError("division by zero")
            result = _DOES[type(op)](one, other)
            if abs(result) > _LARGEST:
                raise ValueError("too large")
            return result
    raise ValueError("only whole numbers, known names and + - * // are allowed")
