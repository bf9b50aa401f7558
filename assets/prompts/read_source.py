"""The first rows of a source, as the first refresh would read them."""

from assets.config.errors import FactoryError
from assets.project.project import Project
from assets.prompts.incremental_read import read_on
from assets.storage.tables import Tables
from schemas import Split


def read_source(
    project: Project, source: str, tables: Tables, *, refresh: str | None, rows: int | None
) -> Split:
    """Read the first rows of a source.

    Args:
        project: The project.
        source: The name of a source.
        tables: The tables that hold what was read before.
        refresh: The day that reads; None for a fixed source.
        rows: The largest number of rows; by default what the source sets.

    Raises:
        FactoryError: There is no such source, or it cannot be read.
    """
    if source not in project.sources:
        raise FactoryError(project.sources.missing(source))
    spec = project.sources[source]
    readable = None if spec.check is None else getattr(spec.checker(), "readable", None)
    reading = read_on(
        spec.reader(),
        name=source,
        key=spec.key,
        refresh=refresh,
        limit=spec.rows if rows is None else rows,
        tables=tables,
        read=spec.read,
        readable=readable,
    )
    return reading.split
