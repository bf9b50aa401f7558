"""What is named by import path, in YAML or on the command line: checked before it is called.

A path may only name a class or an object of the kind that belongs there, or a check. Modules of the
standard library are not even imported: nothing that fits lies in one, and some do things when they
are imported.
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
"""What is wrong with a thing that was found, or None if it is of the kind."""


MOVED = {
    "annotators.grade_match": "annotators.judge.grade_match",
    "assets.claims": "claims",
}
"""Modules that recipes name and that lie elsewhere by now."""


class UnknownNameError(ValueError):
    """An import path names nothing, or nothing of the kind that belongs there."""


def named(path: Any, fits: Fits) -> Any:
    """What ``path`` (``package.name``) names, which ``fits``. Raises `UnknownNameError`."""
    if not isinstance(path, str) or len(path) > _LONGEST or not _PATH.fullmatch(path):
        raise UnknownNameError(f"{_quoted(path)} is no import path, as package.Name is one")
    module, _, name = path.rpartition(".")
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names or "__main__" in parts:
        raise UnknownNameError(f"{path!r} is of Python itself, where nothing of this kind lies")
    try:
        found = getattr(importlib.import_module(MOVED.get(module, module)), name)
    # A module can do anything when it is imported, even end the program.
    except (Exception, SystemExit) as error:
        raise UnknownNameError(f"cannot import {path!r}: {error}") from error
    wrong = fits(found)
    if wrong is not None:
        raise UnknownNameError(f"{path!r} {wrong}")
    return found


def subclass_of(base: type, what: str) -> Fits:
    """Fits classes that derive from ``base``, which are called ``what``, and can be made."""

    def fits(found: Any) -> str | None:
        if not (isinstance(found, type) and issubclass(found, base)):
            return f"is not {what}"
        if found is base or inspect.isabstract(found):
            return f"is what {what} derives from: name one that does"
        return None

    return fits


def instance_of(base: type, what: str) -> Fits:
    """Fits objects of the class ``base``, which are called ``what``."""

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
