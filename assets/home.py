"""The folder in which Dagster keeps runs and events, and its configuration there.

Where the environment variable ``DAGSTER_PG_URL`` is set, they are kept in that PostgreSQL database
instead. Dagster reads the URL, which holds a password, from the environment: it is written nowhere.

``python -m assets.home`` makes the folder ready and prints it.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from upath import UPath

from assets.errors import FactoryError
from assets.settings import PROJECT
from assets.tables import write_whole

if TYPE_CHECKING:
    from dagster import DagsterInstance

POSTGRES = "DAGSTER_PG_URL"
_OURS = "# A copy, written anew by every command: dagster.yaml of the project is what to edit.\n"
_SCHEME = "postgresql+psycopg2://"
"""SQLAlchemy 2.1 takes plain ``postgresql://`` for another driver, which Dagster does not bring."""
_STORAGE = f"\nstorage:\n  postgres:\n    postgres_url:\n      env: {POSTGRES}\n"


def home() -> Path:
    """``DAGSTER_HOME``, or ``.dagster`` of the project, with the project's ``dagster.yaml`` in it.

    A ``dagster.yaml`` of the user's own there is left as it is. Raises `FactoryError` where that
    one, or this environment, cannot use the PostgreSQL database that is asked for.
    """
    folder = Path(os.environ.setdefault("DAGSTER_HOME", str(PROJECT / ".dagster")))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "dagster.yaml"
    present = file.read_text(encoding="utf-8") if file.exists() else None
    if os.environ.get(POSTGRES):
        _check_postgres(file, present)
    if present is None or present.startswith(_OURS):
        wanted = _OURS + (PROJECT / "dagster.yaml").read_text(encoding="utf-8")
        if os.environ.get(POSTGRES):
            wanted += _STORAGE
        if wanted != present:
            write_whole(UPath(file), wanted.encode())
    return folder


def shown_instance() -> "DagsterInstance":
    """The instance that the UI shows: what runs and checks came to. Raises as `home` does."""
    from dagster import DagsterInstance

    home()
    return DagsterInstance.get()


def _check_postgres(file: Path, present: str | None) -> None:
    if find_spec("dagster_postgres") is None:
        raise FactoryError(
            f"{POSTGRES} is set, and this environment cannot use it: "
            "pip install -c constraints.txt -e '.[postgres]'"
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
