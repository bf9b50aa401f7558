"""Imports objects by path, from YAML or the command line, and checks their kind before use.

Modules of the standard library are not imported: they have no such objects, and importing some of
them has effects.
"""

import importlib
import inspect
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.near import similar

_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_LONGEST = 200
_PACKAGES = (
    *("generators", "annotators", "filters", "trainers"),
    *("claims", "engines.checks", "pocket"),
)
"""The packages whose names are suggested in place of a wrong one."""
_CHECK = ["messages", "reference", "text"]

Fits = Callable[[Any], str | None]
"""A function that says why an object is not of the required kind, or None if it is."""


MOVED = {
    "annotators.grade_match": "annotators.judge.grade_match",
    "assets.claims": "claims",
}
"""Old paths of modules that recipes name, with the new ones."""


class UnknownNameError(ValueError):
    """An import path names nothing, or an object of another kind."""


def named(path: Any, fits: Fits) -> Any:
    """The object at ``path`` (``package.name``). Raises `UnknownNameError` if it does not fit."""
    if not isinstance(path, str) or len(path) > _LONGEST or not _PATH.fullmatch(path):
        raise UnknownNameError(
            f"{_quoted(path)} is no import path, as package.Name is one{_suggestion(path, fits)}"
        )
    module, _, name = path.rpartition(".")
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names or "__main__" in parts:
        raise UnknownNameError(f"{path!r} is of Python itself, where nothing of this kind lies")
    try:
        loaded = getattr(importlib.import_module(MOVED.get(module, module)), name)
    # Importing a module may raise anything, and may even end the program.
    except (Exception, SystemExit) as error:
        why = _raised_within(module, error) or f"{error}{_suggestion(path, fits)}"
        raise UnknownNameError(f"cannot import {path!r}: {why}") from error
    wrong = fits(loaded)
    if wrong is not None:
        raise UnknownNameError(f"{path!r} {wrong}{_suggestion(path, fits)}")
    return loaded


def subclass_of(base: type, what: str) -> Fits:
    """Fits concrete subclasses of ``base``. ``what``: their name in messages ("an operator")."""

    def fits(value: Any) -> str | None:
        if not (isinstance(value, type) and issubclass(value, base)):
            return f"is not {what}"
        missing = sorted(getattr(value, "__abstractmethods__", ()))
        if missing and not _is_base(value):
            return (
                f"has no method {' and '.join(map(repr, missing))}, which {what} of its kind needs"
            )
        if value is base or missing:
            return f"is what {what} derives from: name one that does"
        return _misfit(value)

    return fits


def _is_base(kind: type) -> bool:
    """Whether a class declares abstract methods of its own, and so is meant to be derived from."""
    return any(getattr(value, "__isabstractmethod__", False) for value in vars(kind).values())


def _misfit(kind: type) -> str | None:
    """Why a method of a class cannot be called as the abstract method that it implements; None if
    each can."""
    for base in kind.__mro__:
        for name, declared in vars(base).items():
            if not getattr(declared, "__isabstractmethod__", False):
                continue
            method = inspect.getattr_static(kind, name)
            if not (inspect.isfunction(declared) and inspect.isfunction(method)):
                continue
            place = f"({method.__code__.co_filename}, line {method.__code__.co_firstlineno})"
            if inspect.iscoroutinefunction(declared) and not inspect.iscoroutinefunction(method):
                has = "yields" if inspect.isasyncgenfunction(method) else "is no coroutine"
                return f"has a method {name!r} that {has} {place}: write 'async def' and 'return'"
            asked = inspect.signature(declared).parameters
            named_only = [n for n, each in asked.items() if each.kind is each.KEYWORD_ONLY]
            in_order = [n for n in asked if n not in named_only]
            try:
                inspect.signature(method).bind(*in_order, **dict.fromkeys(named_only))
            except TypeError:
                return f"has a method {name!r} {place} that does not take ({', '.join(asked)})"
    return None


def instance_of(base: type, what: str) -> Fits:
    """Fits objects of the class ``base``. ``what``: their name in messages."""

    def fits(value: Any) -> str | None:
        return None if isinstance(value, base) else f"is not {what}"

    return fits


def source_class(value: Any) -> str | None:
    """Fits classes with a method ``prompts(self, start)``: `schemas.PromptSource`."""
    if not isinstance(value, type):
        return "is no class: a source is one that has a method 'prompts'"
    method = inspect.getattr_static(value, "prompts", None)
    if not inspect.isfunction(method) or "start" not in inspect.signature(method).parameters:
        return "has no method 'prompts' (self, start=0), so it is no source"
    return None


def check_function(value: Any) -> str | None:
    """Fits functions ``(messages, reference, text)``: `schemas.Check`."""
    if inspect.isfunction(value) and list(inspect.signature(value).parameters) == _CHECK:
        return None
    return f"is a {type(value).__name__}, not a function of ({', '.join(_CHECK)})"


def _raised_within(module: str, error: BaseException) -> str | None:
    """Where a module raised ``error`` while it was imported, and its first line; None if the module
    or the name in it does not exist."""
    name = module.rpartition(".")[2]
    ends = ((f"{name}.py",), (name, "__init__.py"))
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame for frame in frames if any(Path(frame.filename).parts[-len(e) :] == e for e in ends)
    ]
    if isinstance(error, SyntaxError) or not own:
        return None
    first = str(error).strip().split("\n", 1)[0]
    place = f"{own[-1].filename}, line {own[-1].lineno}"
    return f"{place} raises {type(error).__name__}: {first}"


def _suggestion(path: Any, fits: Fits) -> str:
    """The end of a message: names of the required kind that are spelled like ``path``."""
    module, _, name = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    packages = {each: importlib.import_module(each) for each in _PACKAGES}
    if module in sys.modules:
        packages[module] = sys.modules[module]
    fitting: dict[str, list[str]] = {}
    for package, its_module in packages.items():
        for each, value in vars(its_module).items():
            if not each.startswith("_") and fits(value) is None:
                fitting.setdefault(each, []).append(f"{package}.{each}")
    suggestions = [full for each in similar(name[:_LONGEST], fitting) for full in fitting[each]]
    return f"; did you mean {' or '.join(map(repr, suggestions[:3]))}?" if suggestions else ""


def _quoted(path: Any) -> str:
    text = repr(path)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
