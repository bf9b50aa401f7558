"""What a ``defs.yaml`` names by import path: sources and checks, of anyone's package."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assets.errors import RecipeError, near


def named(path: str, *, file: Path | str, field: str) -> Any:
    """What ``path`` (``package.name``) names. Raises `RecipeError`."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise RecipeError(f"cannot import {path!r}: {error}", file=file, field=field) from error


def built(
    spec: Mapping[str, Any], *, method: str, file: Path | str, field: str, folder: Path
) -> Any:
    """An object from ``{use: package.Name, parameter: value, ...}``, which must have ``method``.

    A relative ``path`` parameter starts at ``folder``. Raises `RecipeError`.
    """
    if "use" not in spec:
        raise RecipeError(
            "'use' is missing: name a class, as in generators.Files", file=file, field=field
        )
    kind = named(str(spec["use"]), file=file, field=f"{field}.use")
    parameters = {name: value for name, value in spec.items() if name != "use"}
    path = parameters.get("path")
    if isinstance(path, str) and "://" not in path:
        parameters["path"] = str(folder / Path(path).expanduser())
    try:
        made = kind(**parameters)
    except ValidationError as error:
        problem = error.errors()[0]
        inside = ".".join(map(str, problem["loc"]))
        text = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            text = f"{spec['use']} has no such parameter; {near(inside, kind.model_fields)}"
        raise RecipeError(
            text, file=file, field=f"{field}.{inside}" if inside else field
        ) from error
    except (TypeError, ValueError, OSError) as error:
        raise RecipeError(str(error), file=file, field=field) from error
    if not hasattr(made, method):
        raise RecipeError(
            f"{spec['use']!r} has no method {method!r}", file=file, field=f"{field}.use"
        )
    return made
