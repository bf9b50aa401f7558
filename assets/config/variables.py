"""The environment variables that override ``factory.yaml``."""

import os
from collections.abc import Collection

from assets.config.errors import SettingsError
from schemas.near import near

PREFIX = "FACTORY_"
_OTHERS = frozenset(
    {"FACTORY_CONFIG", "FACTORY_DEBUG", "FACTORY_CODE_SOCKET", "FACTORY_GSM8K"}
    | {"FACTORY_BENCHMARKS_QUICK"}
)
"""Environment variables of this project that do not override the configuration."""
_NESTED = frozenset(
    {"PROFILES", "ROLES", "CLUSTER", "SOURCES", "SCHEDULE", "RETRIES", "ALERTS", "FRESHNESS"}
)
"""Fields with inner fields that a variable can set, such as FACTORY_SOURCES__POCKET."""


def check_variables(fields: Collection[str]) -> None:
    """Check the names of the variables.

    Args:
        fields: The fields of the configuration.

    Raises:
        SettingsError: There is no variable of a name that begins with FACTORY_.
    """
    known = {f"{PREFIX}{field.upper()}" for field in fields} | _OTHERS
    for variable in os.environ:
        # pydantic-settings ignores the case of variables.
        if not variable.upper().startswith(PREFIX):
            continue
        field, inner, _ = variable.upper().removeprefix(PREFIX).partition("__")
        name = f"{PREFIX}{field}"
        if name not in known:
            hint = near(name, known)
            raise SettingsError(f"there is no environment variable {variable!r}; {hint}")
        if inner and field not in _NESTED:
            raise SettingsError(
                f"there is no environment variable {variable!r}: {name} has no inner fields"
            )


def from_variable(*field: object) -> str:
    """A phrase that names the environment variable that set a field, or a part of the field.

    Returns:
        The phrase, or an empty text if no variable set it.
    """
    full_name = PREFIX + "__".join(map(str, field)).upper()
    for variable in sorted(os.environ, key=len, reverse=True):
        name = variable.upper()
        if (
            name == full_name
            or full_name.startswith(f"{name}__")
            or name.startswith(f"{full_name}__")
        ):
            return f" (from the environment variable {variable})"
    return ""
