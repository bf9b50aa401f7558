"""What a ``defs.yaml`` names by import path and gives parameters: sources and measures."""

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
    """An object from ``{use: package.Name, parameter: value, ...}``, of a class that ``fits``.

    A relative ``path`` parameter starts at ``folder``. Raises `RecipeError`.
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
        # Path.expanduser raises where there is no such user: "~x" is a name then.
        parameters["path"] = str(folder / Path(expanduser(path)))
    try:
        return kind(**parameters)
    except ValidationError as error:
        raise parameter_error(
            error, kind.model_fields, of=str(spec["use"]), file=file, under=field
        ) from error
    except (TypeError, ValueError, OSError) as error:
        raise RecipeError(str(error), file=file, field=field) from error
