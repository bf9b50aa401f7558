"""The folder in which Dagster keeps runs and events, and its configuration there.

If the environment variable ``DAGSTER_PG_URL`` is set, Dagster keeps them in that PostgreSQL
database instead. The URL holds a password, so Dagster reads it from the environment and it is not
written to a file.

``python -m assets.execution.instance`` prepares the folder and prints its path.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from upath import UPath

from assets.config.bundled import bundled
from assets.config.config_file import config_file
from assets.config.errors import FactoryError
from assets.storage.tables import write_whole

if TYPE_CHECKING:
    from dagster import DagsterInstance

POSTGRES = "DAGSTER_PG_URL"
_FILE = "dagster.yaml"
_OURS = "# A copy, written anew by every command: dagster.yaml of the project is what to edit.\n"
_SCHEME = "postgresql+psycopg2://"
"""With plain ``postgresql://``, SQLAlchemy 2.1 uses a driver that Dagster does not install."""
_STORAGE = f"\nstorage:\n  postgres:\n    postgres_url:\n      env: {POSTGRES}\n"


def home() -> Path:
    """Prepare the folder ``DAGSTER_HOME``, or ``.dagster`` of the project, for Dagster.

    Raises:
        FactoryError: As `configure` does.
    """
    project = config_file().parent
    folder = Path(os.environ.setdefault("DAGSTER_HOME", str(project / ".dagster")))
    configure(folder, project)
    return folder


def configure(folder: Path, project: Path) -> None:
    """Copy the ``dagster.yaml`` of a project, or of the package, to Dagster's folder.

    A ``dagster.yaml`` that the user wrote there is not changed.

    Args:
        folder: Where Dagster keeps runs and events. It is created if it is missing.
        project: The folder of the configuration file.

    Raises:
        FactoryError: ``DAGSTER_PG_URL`` is set, but the user's file or this environment cannot
            use PostgreSQL.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / _FILE
    present = file.read_text(encoding="utf-8") if file.exists() else None
    if os.environ.get(POSTGRES):
        _check_postgres(file, present)
    if present is None or present.startswith(_OURS):
        source = project / _FILE
        source = source if source.is_file() else bundled(_FILE)
        wanted = _OURS + source.read_text(encoding="utf-8")
        if os.environ.get(POSTGRES):
            wanted += _STORAGE
        if wanted != present:
            write_whole(UPath(file), wanted.encode())


def shown_instance() -> "DagsterInstance":
    """The Dagster instance that the UI shows. Raises as `home` does."""
    from dagster import DagsterInstance

    home()
    return DagsterInstance.get()


def _check_postgres(file: Path, present: str | None) -> None:
    if find_spec("dagster_postgres") is None:
        raise FactoryError(
            f"{POSTGRES} is set, but this environment cannot use it: "
            "pip install 'preference-factory[postgres]'"
        )
    if not os.environ[POSTGRES].startswith(_SCHEME):
        raise FactoryError(
            f"{POSTGRES} must have the form {_SCHEME}USER:PASSWORD@HOST:PORT/DATABASE"
        )
    if present is not None and not present.startswith(_OURS) and POSTGRES not in present:
        raise FactoryError(
            f"{POSTGRES} is set, but {file} is your own and keeps runs elsewhere: remove it, or "
            f"add to it:{_STORAGE}"
        )


if __name__ == "__main__":
    print(home())
