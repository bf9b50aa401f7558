"""Builds the objects that a ``defs.yaml`` names by import path: sources and measures."""

import inspect
from collections.abc import Collection, Mapping
from os.path import expanduser
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from assets.config.errors import RecipeError, parameter_error
from schemas.named import Fits, UnknownNameError, named
from schemas.near import near


def built(
    spec: Mapping[str, Any], fits: Fits, *, file: Path | str, field: str, folder: Path
) -> Any:
    """Build an object from ``{use: package.Name, parameter: value, ...}``.

    Args:
        spec: The import path and the parameters.
        fits: Checks that the class is of the right kind.
        file: The file that holds the spec.
        field: The field that holds the spec.
        folder: The folder where a relative ``path`` parameter starts.

    Raises:
        RecipeError: There is no such class, or a parameter is wrong.
    """
    if "use" not in spec:
        raise RecipeError(
            "'use' is missing: name a class, as in generators.Files", file=file, field=field
        )
    try:
        kind = named(spec["use"], fits)
    except UnknownNameError as error:
        raise RecipeError(str(error), file=file, field=f"{field}.use") from error
    parameters = {name: value for name, value in spec.items() if name != "use"}
    path = parameters.get("path")
    if isinstance(path, str) and "://" not in path:
        # Unlike Path.expanduser, this keeps "~x" as it is if there is no user x.
        parameters["path"] = str(folder / Path(expanduser(path)))
    _refuse_names(kind, parameters, of=str(spec["use"]), file=file, field=field)
    try:
        return kind(**parameters)
    except ValidationError as error:
        raise parameter_error(
            error, kind, parameters, of=str(spec["use"]), file=file, under=field
        ) from error
    except (TypeError, ValueError, OSError) as error:
        raise RecipeError(str(error), file=file, field=field) from error


def _refuse_names(
    kind: Any, given: Collection[str], *, of: str, file: Path | str, field: str
) -> None:
    """Raise `RecipeError` if a plain class has no parameter of a given name, or needs another."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return
    known = inspect.signature(kind).parameters
    takes_all = any(each.kind is each.VAR_KEYWORD for each in known.values())
    for name in given:
        if name not in known and not takes_all:
            problem = f"{of} has no such parameter; {near(name, known)}"
            raise RecipeError(problem, file=file, field=f"{field}.{name}")
    for name, each in known.items():
        named = each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        if named and each.default is each.empty and name not in given:
            raise RecipeError("this parameter is missing", file=file, field=f"{field}.{name}")
