"""What simulated annotators value: functions of a response, named by their import paths."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import mean
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from engines.checks import check_for, marked
from engines.context import Context
from engines.rows import Prompt, Response
from schemas.named import UnknownNameError, named

CHECK = "check"
"""In place of an import path: the check of the prompt's source."""

_VALUE = ["messages", "reference", "text"]
_TASTE = [*_VALUE, "other"]


async def values_of(
    parts: Mapping[str, float], prompt: Prompt, responses: Sequence[Response], context: Context
) -> list[float]:
    """How good each response to a prompt is to an annotator.

    Args:
        parts: the weight of each function, by its path.
        prompt: the prompt.
        responses: its responses.
        context: the stage and its run, with the checks of sources.

    Raises:
        ValueError: a function, or the check, cannot tell.
    """
    texts = [response.text for response in responses]
    totals = [0.0] * len(texts)
    for path, weight in parts.items():
        if path == CHECK:
            values = await _right(prompt, texts, context)
        elif compares(path):
            values = _shares(path, prompt, texts)
        else:
            value = _function(path)
            values = [float(value(prompt.messages, prompt.reference, text)) for text in texts]
        totals = [total + weight * one for total, one in zip(totals, values, strict=True)]
    return totals


def compares(path: str) -> bool:
    """Whether the function at a path compares a response with another."""
    return path != CHECK and len(inspect.signature(_function(path)).parameters) == len(_TASTE)


def world_of(functions: Collection[Callable[..., Any]]) -> str | None:
    """The import path of the check whose prompts ``functions`` read; None if they read any prompt.

    A function that reads the problems of one world only has the path as attribute ``world``:
    ``right.world = "pocket.check"``.
    """
    return next((world for one in functions if (world := getattr(one, "world", None))), None)


def functions_at(paths: Collection[str]) -> list[Callable[..., Any]]:
    """The functions at import paths, without `CHECK`."""
    return [_function(path) for path in paths if path != CHECK]


async def _right(prompt: Prompt, texts: Sequence[str], context: Context) -> list[float]:
    """1 for each right response, 0 for each wrong one. Raises ValueError if one is not known."""
    check = check_for(context, prompt.source)
    answers = [check.submit(prompt.messages, prompt.reference, text) for text in texts]
    values = []
    for answer in answers:
        right, error = await marked(answer)
        if right is None:
            raise ValueError(error)
        values.append(float(right))
    return values


def _shares(path: str, prompt: Prompt, texts: Sequence[str]) -> list[float]:
    """The mean share of a win of each response over the others."""
    if len(texts) < 2:
        raise ValueError(f"{path} compares responses, and the prompt has one")
    share = _function(path)
    return [
        mean(
            float(share(prompt.messages, prompt.reference, text, other))
            for other in [*texts[:place], *texts[place + 1 :]]
        )
        for place, text in enumerate(texts)
    ]


def _function(path: str) -> Callable[..., Any]:
    function: Callable[..., Any] = named(path, _refused)
    return function


def _refused(value: Any) -> str | None:
    """Why a value is no persona; None if it is one."""
    if inspect.isfunction(value) and list(inspect.signature(value).parameters) in (_VALUE, _TASTE):
        return None
    return (
        f"is a {type(value).__name__}, not a function of ({', '.join(_VALUE)}), or with the "
        "further parameter other"
    )


def _importable(path: str) -> str:
    try:
        functions_at([path])
    except UnknownNameError as error:
        raise ValueError(f"unknown persona {path!r}: {error}") from error
    return path


def _by_name(given: Any) -> Any:
    """A list of paths as a mapping: each is a persona of its own, called as the function is."""
    if isinstance(given, Mapping):
        return {
            name: {parts: 1.0} if isinstance(parts, str) else parts for name, parts in given.items()
        }
    if isinstance(given, Sequence) and all(isinstance(path, str) for path in given):
        names = [path.rpartition(".")[2] for path in given]
        if len({*names}) < len(names):
            raise ValueError("two personas have one name: give a mapping of names to paths")
        return {name: {path: 1.0} for name, path in zip(names, given, strict=True)}
    return given


Personas = Annotated[
    dict[str, dict[Annotated[str, AfterValidator(_importable)], float]], BeforeValidator(_by_name)
]
"""Annotators by name: the weight of each function by its path."""
