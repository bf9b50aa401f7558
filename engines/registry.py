"""Engines by name. A class is imported when a binding with its name is checked."""

from collections.abc import Mapping
from typing import Any

from engines.protocol import Engine
from schemas.named import UnknownNameError, named

ENGINES: Mapping[str, str] = {
    "transformers": "engines.local.lazy_engine.LazyEngine",
    "vllm": "engines.vllm.engine.VLLMEngine",
    "openai": "engines.openai.engine.OpenAIEngine",
}
"""The short names of the shipped engines. Others are named by their import path."""

IN_PROCESS = "transformers"
"""The engine that runs a binding's weights if the binding's own engine lacks a method."""

VERBS: Mapping[str, str] = {
    "generate": "generates",
    "score": "scores",
    "choose": "chooses",
    "reward": "rewards",
}
"""The methods of an engine that use its model, each with the attribute that says if it exists."""


def engine_class(name: str) -> type[Engine]:
    """The class of the engine ``name``: a key of `ENGINES`, or an import path (``package.Class``).

    Raises:
        UnknownNameError: there is no such class, or it is not an engine.
    """
    if name not in ENGINES and "." not in name:
        raise UnknownNameError(
            f"there is no engine {name!r}: name {', '.join(ENGINES)}, or the import path of a class"
        )
    value: type[Engine] = named(ENGINES.get(name, name), _engine)
    return value


def _engine(value: Any) -> str | None:
    """Why ``value`` cannot be used as an engine; None if it can."""
    if not isinstance(value, type) or Engine not in value.__mro__ or value is Engine:
        return "is not an engine: derive it from engines.protocol.Engine"
    name = getattr(value, "name", None)
    if not isinstance(name, str) or not name:
        return "has no name: set the class attribute 'name', which is part of each journal key"
    if name in ENGINES and value.__module__.partition(".")[0] != "engines":
        return (
            f"has the name {name!r} of a shipped engine, so journaled answers would be mixed up: "
            "give it another 'name'"
        )
    verbs = [verb for verb, flag in VERBS.items() if getattr(value, flag)]
    if not verbs:
        return f"has no method: set one of the class attributes {', '.join(VERBS.values())}"
    for method in ["render", *verbs]:
        if getattr(value, method) is getattr(Engine, method):
            return f"has no method {method!r}"
    return None
