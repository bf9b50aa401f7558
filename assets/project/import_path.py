"""Builds the objects that a ``defs.yaml`` names by import path: sources and measures."""

from collections.abc import Mapping
from os.path import expanduser
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assets.config.errors import RecipeError, parameter_error
from schemas.named import Fits, UnknownNameError, named


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
    try:
        return kind(**parameters)
    except ValidationError as error:
        raise parameter_error(
            error, kind, parameters, of=str(spec["use"]), file=file, under=field
        ) from error
    except (TypeError, ValueError, OSError) as error:
        raise RecipeError(str(error), file=file, field=field) from error
