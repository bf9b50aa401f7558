"""Where datasets and models were published, in ``published/<datasets or models>/<name>.json``."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from upath import UPath

from assets.config.errors import FactoryError
from assets.storage.tables import write_whole


@dataclass(frozen=True)
class Publication:
    """A version in a repository of the Hub.

    Attributes:
        version: The number of the version.
        name: The id of the repository.
        url: Its address.
        commit: The commit that holds the version.
    """

    version: int
    name: str
    url: str
    commit: str


def publications(root: UPath | Path, of: str) -> list[Publication]:
    """Where the versions of ``datasets/NAME`` or ``models/NAME`` were published, oldest first.

    Raises:
        FactoryError: The file is damaged.
    """
    path = _path(root, of)
    if not path.exists():
        return []
    try:
        return [Publication(**each) for each in json.loads(path.read_bytes())]
    except (ValueError, TypeError) as error:
        raise FactoryError(
            f"{path} is damaged ({error}): remove it; factory export writes it again"
        ) from error


def record_publication(root: UPath | Path, of: str, publication: Publication) -> None:
    """Store where a version was published."""
    others = [each for each in publications(root, of) if each != publication]
    content = json.dumps([asdict(each) for each in (*others, publication)], indent=1)
    path = _path(root, of)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content.encode())


def _path(root: UPath | Path, of: str) -> UPath:
    return UPath(root) / "published" / f"{of}.json"
