"""The folder in which Dagster keeps runs and events, and its configuration there.

Where the environment variable ``DAGSTER_PG_URL`` is set, they are kept in that PostgreSQL database
instead. Dagster reads the URL, which holds a password, from the environment: it is written nowhere.

``python -m assets.execution.instance`` makes the folder ready and prints it.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from upath import UPath

from assets.config.bundled import bundled
from assets.config.errors import FactoryError
from assets.config.settings import config_file
from assets.storage.tables import write_whole

if TYPE_CHECKING:
    from dagster import DagsterInstance

POSTGRES = "DAGSTER_PG_URL"
_FILE = "dagster.yaml"
_OURS = "# A copy, written anew by every command: dagster.yaml of the project is what to edit.\n"
_SCHEME = "postgresql+psycopg2://"
"""SQLAlchemy 2.1 takes plain ``postgresql://`` for another driver, which Dagster does not bring."""
_STORAGE = f"\nstorage:\n  postgres:\n    postgres_url:\n      env: {POSTGRES}\n"


def home() -> Path:
    """The folder ``DAGSTER_HOME``, or ``.dagster`` of the project, ready for Dagster.

    Raises:
        FactoryError: As `configure` does.
    """
    project = config_file().parent
    folder = Path(os.environ.setdefault("DAGSTER_HOME", str(project / ".dagster")))
    configure(folder, project)
    return folder


def configure(folder: Path, project: Path) -> None:
    """Copy the ``dagster.yaml`` of a project, or of the package, to Dagster's folder.

    A ``dagster.yaml`` of the user's own is left as it is.

    Args:
        folder: Where Dagster keeps runs and events; made if it is missing.
        project: The folder of the configuration file.

    Raises:
        FactoryError: A PostgreSQL database is asked for, and the user's file or this environment
            cannot use it.
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
    """The instance that the UI shows: what runs and checks came to. Raises as `home` does."""
    from dagster import DagsterInstance

    home()
    return DagsterInstance.get()


def _check_postgres(file: Path, present: str | None) -> None:
    if find_spec("dagster_postgres") is None:
        raise FactoryError(
            f"{POSTGRES} is set, and this environment cannot use it: "
            "pip install 'preference-factory[postgres]'"
        )
    if not os.environ[POSTGRES].startswith(_SCHEME):
        raise FactoryError(f"{POSTGRES} must read {_SCHEME}USER:PASSWORD@HOST:PORT/DATABASE")
    if present is not None and not present.startswith(_OURS) and POSTGRES not in present:
        raise FactoryError(
            f"{POSTGRES} is set, but {file} is your own and keeps runs elsewhere: remove it, or "
            f"add to it:{_STORAGE}"
        )


if __name__ == "__main__":
    print(home())
