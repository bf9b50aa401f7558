"""Starts a review: finds the pairs, and locks the reviewer's name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upath import UPath

from assets.config.errors import FactoryError
from assets.project.project import Project
from assets.review.items import to_review
from assets.review.session import Session
from engines.journal.lock import FileLock, LockedError


@contextmanager
def reviewing(
    project: Project, dataset: str, person: str, *, refresh: str | None = None, seed: int = 0
) -> Iterator[Session]:
    """Yield a session in which ``person`` reviews the pairs of ``dataset``; see `to_review`.

    Raises:
        FactoryError: There are no pairs, the name is not allowed, or another review on this machine
            uses the name.
    """
    items = to_review(project, dataset, refresh=refresh, seed=seed)
    reviews = project.settings.reviews_path
    session = Session(items, dataset=dataset, person=person, reviews=reviews, seed=seed)
    with alone(reviews, person):
        yield session


@contextmanager
def alone(reviews: UPath, person: str) -> Iterator[None]:
    """Lock a reviewer's name. Raises `FactoryError` if it is locked on this machine."""
    if not isinstance(reviews, Path):
        # An object store has no locks. There the last of two decisions is kept.
        yield
        return
    reviews.mkdir(parents=True, exist_ok=True)
    lock = FileLock(Path(reviews) / f".{person}.lock")
    try:
        lock.acquire()
    except LockedError as error:
        lock.close()
        raise FactoryError(
            f"{person} is reviewing already ({error}): stop that review, or use another --name"
        ) from error
    try:
        yield
    finally:
        lock.close()
