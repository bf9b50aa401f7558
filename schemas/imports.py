"""Imports of libraries without optional parts, which take a second to load and are not used here.

dataframely takes half a second longer if it finds SQLAlchemy (Dagster brings it), to describe
tables of databases.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(package: str) -> Iterator[None]:
    """Inside, ``package`` is not found, unless it is imported already."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]


with without("sqlalchemy"):
    import dataframely

__all__ = ["dataframely", "without"]
