"""The engines by name. A class is imported when a binding that names it is checked."""

from collections.abc import Mapping
from typing import Any

from engines.protocol import Engine
from schemas.named import UnknownNameError, named

ENGINES: Mapping[str, str] = {
    "transformers": "engines.local.lazy_engine.LazyEngine",
    "vllm": "engines.vllm.VLLMEngine",
    "openai": "engines.openai.engine.OpenAIEngine",
}
"""The short names of the shipped engines; any other is named by its import path."""

IN_PROCESS = "transformers"
"""The engine in which weights answer what the engine of their binding does not."""

VERBS: Mapping[str, str] = {
    "generate": "generates",
    "score": "scores",
    "choose": "chooses",
    "reward": "rewards",
}
"""The methods of an engine that ask its model, each with the attribute that says if it has it."""


def engine_class(name: str) -> type[Engine]:
    """The class of the engine ``name``: a key of `ENGINES`, or an import path (``package.Class``).

    Raises `schemas.named.UnknownNameError` if there is no such class, or it is no engine.
    """
    if name not in ENGINES and "." not in name:
        raise UnknownNameError(
            f"there is no engine {name!r}: name {', '.join(ENGINES)}, or the import path of a class"
        )
    found: type[Engine] = named(ENGINES.get(name, name), _engine)
    return found


def _engine(found: Any) -> str | None:
    """Why ``found`` is no engine that can be opened; None if it is one."""
    if not isinstance(found, type) or Engine not in found.__mro__ or found is Engine:
        return "is no engine: derive it from engines.protocol.Engine"
    name = getattr(found, "name", None)
    if not isinstance(name, str) or not name:
        return "has no name: set the class attribute 'name', which answers are journaled under"
    if name in ENGINES and found.__module__.partition(".")[0] != "engines":
        return f"is called {name!r} as a shipped engine is: journaled answers would be mixed up"
    verbs = [verb for verb, flag in VERBS.items() if getattr(found, flag)]
    if not verbs:
        return f"answers nothing: set one of the class attributes {', '.join(VERBS.values())}"
    for method in ["render", *verbs]:
        if getattr(found, method) is getattr(Engine, method):
            return f"has no method {method!r}"
    return None
