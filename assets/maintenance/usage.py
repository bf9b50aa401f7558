"""How much room the factory takes, and where."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from upath import UPath

from assets.config.errors import FactoryError
from assets.config.settings import Settings
from assets.execution.instance import POSTGRES, home


@dataclass(frozen=True)
class Use:
    """What ``files`` files at ``place`` are, and how many bytes they hold."""

    what: str
    place: str
    files: int
    bytes: int


def disk_use(settings: Settings) -> list[Use]:
    """What lies right under the root, and outside it: journal, models, imports, Dagster's own.

    The largest first. A root on an object store is listed once. Raises `FactoryError` where the
    database of runs cannot be asked.
    """
    root = settings.root_path
    found = list(_local(Path(root.path)) if isinstance(root, Path) else _remote(root))
    journal = settings.journal_path
    outside = [
        # Beside the journal lie its write-ahead log and its lock.
        ("journal", journal, [journal.with_name(journal.name + end) for end in ("", "-wal")]),
        ("models", settings.models_path, [settings.models_path]),
    ]
    for what, place, paths in outside:
        if not place.is_relative_to(root.path):
            found.append(_use(what, place, paths))
    found += _dagster(home())
    if os.environ.get(POSTGRES):
        found.append(_database(os.environ[POSTGRES]))
    return sorted((use for use in found if use.files), key=lambda use: -use.bytes)


def size(path: Path) -> int:
    """The bytes of a local file, or of all files in a local folder."""
    return _use("", path, [path]).bytes


def _local(root: Path) -> Iterator[Use]:
    for place in root.iterdir() if root.is_dir() else []:
        yield _use(place.name, place, [place])


def _remote(root: UPath) -> Iterator[Use]:
    totals: dict[str, tuple[int, int]] = {}
    beginning = root.path.rstrip("/") + "/"
    listed = root.fs.find(root.path, detail=True) if root.exists() else {}
    for path, about in listed.items():
        name = path.removeprefix(beginning).split("/")[0]
        files, so_far = totals.get(name, (0, 0))
        totals[name] = (files + 1, so_far + int(about["size"] or 0))
    for name, (files, length) in totals.items():
        yield Use(name, str(root / name), files, length)


def _dagster(folder: Path) -> Iterator[Use]:
    printed = folder / "storage"
    others = [place for place in folder.iterdir() if place != printed]
    yield _use("Dagster: what runs printed", printed, [printed])
    yield _use("Dagster: runs and events", folder, others)


def _use(what: str, place: Path, paths: Iterable[Path]) -> Use:
    files = total = 0
    for path in paths:
        for file in path.rglob("*") if path.is_dir() else [path]:
            try:
                if file.is_file():
                    total += file.stat().st_size
                    files += 1
            except FileNotFoundError:
                # A run that is going on removed it meanwhile.
                continue
    return Use(what, str(place), files, total)


def _database(url: str) -> Use:
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    asked = sqlalchemy.text("SELECT current_database(), pg_database_size(current_database())")
    try:
        with engine.connect() as connection:
            name, length = connection.execute(asked).one()
    except sqlalchemy.exc.SQLAlchemyError as error:
        place = engine.url.render_as_string(hide_password=True)
        raise FactoryError(f"the database {place} cannot be asked: {error}") from error
    finally:
        engine.dispose()
    return Use("Dagster: runs and events", f"PostgreSQL, database {name}", 1, int(length))
