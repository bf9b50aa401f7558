"""Disk usage of the factory, by folder."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from upath import UPath

from assets.config.errors import FactoryError
from assets.config.settings import Settings
from assets.execution.instance import POSTGRES, home


@dataclass(frozen=True)
class Use:
    """The disk usage of one place.

    Attributes:
        what: A description of the files.
        place: Their folder, file or database.
        files: The number of files.
        bytes: Their total size.
    """

    what: str
    place: str
    files: int
    bytes: int


def disk_use(settings: Settings) -> list[Use]:
    """The disk usage of each entry of the root, of journal and models, and of Dagster.

    The largest comes first. A root on an object store is listed with one request.

    Raises:
        FactoryError: The database of runs cannot be reached.
    """
    root = settings.root_path
    journal = settings.journal_path
    # Its write-ahead log and its locks are files of their own.
    ends = ("", "-wal", "-shm", ".lock", ".users")
    parts = [journal.with_name(journal.name + end) for end in ends]
    uses = list(_local(Path(root.path), parts) if isinstance(root, Path) else _remote(root))
    outside = [
        ("journal", journal, parts),
        ("models", settings.models_path, [settings.models_path]),
    ]
    for what, place, paths in outside:
        if not place.is_relative_to(root.path):
            uses.append(_use(what, place, paths))
    uses += _dagster(home())
    if os.environ.get(POSTGRES):
        uses.append(_database(os.environ[POSTGRES]))
    return sorted((use for use in uses if use.files), key=lambda use: -use.bytes)


def size(path: Path) -> int:
    """The bytes of a local file, or of all files in a local folder."""
    return _use("", path, [path]).bytes


def _local(root: Path, journal: Sequence[Path]) -> Iterator[Use]:
    for place in root.iterdir() if root.is_dir() else []:
        if place == journal[0]:
            yield _use(place.name, place, journal)
        elif place not in journal:
            yield _use(place.name, place, [place])


def _remote(root: UPath) -> Iterator[Use]:
    totals: dict[str, tuple[int, int]] = {}
    prefix = root.path.rstrip("/") + "/"
    listing = root.fs.find(root.path, detail=True) if root.exists() else {}
    for path, info in listing.items():
        name = path.removeprefix(prefix).split("/")[0]
        files, total = totals.get(name, (0, 0))
        totals[name] = (files + 1, total + int(info["size"] or 0))
    for name, (files, total) in totals.items():
        yield Use(name, str(root / name), files, total)


def _dagster(folder: Path) -> Iterator[Use]:
    logs = folder / "storage"
    others = [place for place in folder.iterdir() if place != logs]
    yield _use("Dagster: what runs printed", logs, [logs])
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
                # A run that is in progress has removed it.
                continue
    return Use(what, str(place), files, total)


def _database(url: str) -> Use:
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    query = sqlalchemy.text("SELECT current_database(), pg_database_size(current_database())")
    try:
        with engine.connect() as connection:
            name, total = connection.execute(query).one()
    except sqlalchemy.exc.SQLAlchemyError as error:
        place = engine.url.render_as_string(hide_password=True)
        raise FactoryError(f"the database {place} cannot be reached: {error}") from error
    finally:
        engine.dispose()
    return Use("Dagster: runs and events", f"PostgreSQL, database {name}", 1, int(total))
