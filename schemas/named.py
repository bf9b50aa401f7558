"""Imports objects by path, from YAML or the command line, and checks their kind before use.

Modules of the standard library are not imported: they have no such objects, and importing some of
them has effects.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Callable
from typing import Any

_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_LONGEST = 200
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
        raise UnknownNameError(f"{_quoted(path)} is no import path, as package.Name is one")
    module, _, name = path.rpartition(".")
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names or "__main__" in parts:
        raise UnknownNameError(f"{path!r} is of Python itself, where nothing of this kind lies")
    try:
        found = getattr(importlib.import_module(MOVED.get(module, module)), name)
    # Importing a module may raise anything, and may even end the program.
    except (Exception, SystemExit) as error:
        raise UnknownNameError(f"cannot import {path!r}: {error}") from error
    wrong = fits(found)
    if wrong is not None:
        raise UnknownNameError(f"{path!r} {wrong}")
    return found


def subclass_of(base: type, what: str) -> Fits:
    """Fits concrete subclasses of ``base``. ``what``: their name in messages ("an operator")."""

    def fits(found: Any) -> str | None:
        if not (isinstance(found, type) and issubclass(found, base)):
            return f"is not {what}"
        if found is base or inspect.isabstract(found):
            return f"is what {what} derives from: name one that does"
        return None

    return fits


def instance_of(base: type, what: str) -> Fits:
    """Fits objects of the class ``base``. ``what``: their name in messages."""

    def fits(found: Any) -> str | None:
        return None if isinstance(found, base) else f"is not {what}"

    return fits


def source_class(found: Any) -> str | None:
    """Fits classes with a method ``prompts(self, start)``: `schemas.PromptSource`."""
    if not isinstance(found, type):
        return "is no class: a source is one that has a method 'prompts'"
    method = inspect.getattr_static(found, "prompts", None)
    if not inspect.isfunction(method) or "start" not in inspect.signature(method).parameters:
        return "has no method 'prompts' (self, start=0), so it is no source"
    return None


def check_function(found: Any) -> str | None:
    """Fits functions ``(messages, reference, text)``: `schemas.Check`."""
    if inspect.isfunction(found) and list(inspect.signature(found).parameters) == _CHECK:
        return None
    return f"is a {type(found).__name__}, not a function of ({', '.join(_CHECK)})"


def _quoted(path: Any) -> str:
    shown = repr(path)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
