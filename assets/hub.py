"""Makes a dataset of the Hugging Face Hub what a folder holds: in one commit, or none.

Files are compared by their hashes with those of the repository; what differs is uploaded, and a
single commit on the head that was compared makes it visible. A try that is cut off anywhere leaves
the repository as it was, and the next one uploads only what the Hub does not have yet. The token is
the one of ``HF_TOKEN`` or ``hf auth login``: huggingface_hub finds it, and it is never written.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha1, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.card import MARK
from assets.errors import FactoryError, causes
from engines.patience import Patience

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.hf_api import DatasetInfo, RepoFile

log = logging.getLogger(__name__)

FOLDERS = ("data", "candidates")
"""The folders of a repository that are the factory's own: files that are in these and not in the
export are removed. All other files, the card aside, are left alone."""

PATIENCE = 600.0
"""Seconds for which a busy or failing Hub is tried again. Its rate limits renew every 300."""
AGAIN = (408, 409, 412, 429, 500, 502, 503, 504)
"""Answers after which the same may succeed: 412 and 409 are a head that moved meanwhile."""

_URL = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)/?")


@dataclass(frozen=True)
class Published:
    """Where the dataset is, and the commit that holds it; ``changed`` is whether that is new."""

    url: str
    commit: str
    changed: bool
    public: bool


def repository(place: str) -> str | None:
    """The ``NAME/REPO`` of ``hf://datasets/NAME/REPO``; None for a path.

    Raises `FactoryError` for another ``hf://`` address.
    """
    if not place.startswith("hf://"):
        return None
    named = _URL.fullmatch(place)
    if named is None:
        raise FactoryError(f"{place!r} is no dataset of the Hub: write hf://datasets/NAME/REPO")
    return named[1]


def publish(
    folder: Path,
    repo: str,
    *,
    public: bool,
    message: str,
    wait: Callable[[float], None] = time.sleep,
) -> Published:
    """Make ``repo`` (``NAME/REPO``, made if it is not there) hold what ``folder`` does.

    A new repository is private unless ``public``. 412, 429 and server errors are tried again, after
    as long as the Hub asks for (``wait`` is told the seconds), for `PATIENCE` in all.

    Raises `FactoryError` without a token; where the repository holds something else than an export,
    or is public and nobody asked for that; and where the Hub refuses or stays away.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError

    # Uploads wrap what their threads raised; the transport has exceptions of its own.
    failures: tuple[type[Exception], ...] = (
        HfHubHTTPError,
        OSError,
        RuntimeError,
        ValueError,
        *_transport(),
    )
    token = get_token()
    if token is None:
        raise FactoryError(
            "no token for the Hugging Face Hub: set HF_TOKEN, or log in with: hf auth login"
        )
    api = HfApi()
    patience = Patience(PATIENCE)
    sent = False
    while True:
        try:
            info = _found(api, repo, public=public)
            operations = _changes(api, folder, repo, str(info.sha))
            url = f"{api.endpoint}/datasets/{repo}"
            shown = not info.private
            if not operations:
                # A commit whose answer was lost is found done at the next try.
                return Published(url, str(info.sha), sent, shown)
            sent = True
            commit = api.create_commit(
                repo,
                operations,
                commit_message=message,
                repo_type="dataset",
                parent_commit=str(info.sha),
            )
            return Published(url, commit.oid, True, shown)
        except failures as error:
            answer = next((e for e in causes(error) if isinstance(e, HfHubHTTPError)), None)
            status = None if answer is None else answer.response.status_code
            broken = any(isinstance(cause, _transport()) for cause in causes(error))
            seconds = patience.wait(_asked(answer)) if status in AGAIN or broken else None
            told = _words(answer or error, token)
            if seconds is None:
                raise FactoryError(f"could not publish to dataset {repo}: {told}") from None
            log.warning("the Hub: %s; trying again in %.0f s", told, seconds)
            wait(seconds)


def _found(api: "HfApi", repo: str, *, public: bool) -> "DatasetInfo":
    """The repository as it is now, made if it was not there. Raises `FactoryError` where it must
    not be written to."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.dataset_info(repo)
    except RepositoryNotFoundError:
        api.create_repo(repo, repo_type="dataset", private=not public, exist_ok=True)
        info = api.dataset_info(repo)
    if not info.private and not public:
        raise FactoryError(
            f"dataset {repo} is public: say --public if everybody may read this export, or name "
            "another repository"
        )
    held = {file.rfilename for file in info.siblings or []} - {".gitattributes"}
    tags = info.card_data.get("tags") if info.card_data is not None else None
    if held and MARK not in (tags or []):
        raise FactoryError(
            f"dataset {repo} holds something else than an export: name another repository"
        )
    return info


def _changes(api: "HfApi", folder: Path, repo: str, commit: str) -> list[Any]:
    """What makes the files of ``repo`` at ``commit`` those of ``folder``."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete
    from huggingface_hub.hf_api import RepoFile

    tree = api.list_repo_tree(repo, recursive=True, revision=commit, repo_type="dataset")
    there = {file.path: file for file in tree if isinstance(file, RepoFile)}
    ours = {str(path.relative_to(folder).as_posix()): path for path in _files(folder)}
    operations: list[Any] = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=path)
        for name, path in ours.items()
        if name not in there or not _same(path, there[name])
    ]
    operations += [
        CommitOperationDelete(path_in_repo=name)
        for name in there
        if name not in ours and name.partition("/")[0] in FOLDERS
    ]
    return operations


def _same(path: Path, file: "RepoFile") -> bool:
    """Whether the repository's file has the content of ``path``."""
    content = path.read_bytes()
    if file.lfs is not None:
        return sha256(content).hexdigest() == file.lfs.sha256
    return sha1(b"blob %d\0" % len(content) + content).hexdigest() == file.blob_id


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _asked(answer: "HfHubHTTPError | None") -> Mapping[str, str]:
    """The headers of ``answer``; its ``RateLimit`` is put as a Retry-After where it has none."""
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

    if answer is None:
        return {}
    limit = parse_ratelimit_headers(answer.response.headers)
    spent = limit is not None and limit.remaining == 0
    resets = {"retry-after": str(limit.reset_in_seconds)} if limit is not None and spent else {}
    return resets | dict(answer.response.headers)


def _transport() -> tuple[type[Exception], ...]:
    """What huggingface_hub's HTTP client raises when no answer comes."""
    import httpx2

    return (httpx2.TransportError,)


def _words(error: BaseException, token: str) -> str:
    """What went wrong in a line, without the token, which an answer may quote."""
    said = str(getattr(error, "server_message", None) or error)
    status = getattr(getattr(error, "response", None), "status_code", None)
    line = " ".join(said.replace(token, "(token)").split())[:500]
    return f"{status} {line}" if status is not None else f"{type(error).__name__}: {line}"
