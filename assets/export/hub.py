"""Makes a dataset of the Hugging Face Hub what a folder holds: in one commit, or none.

huggingface_hub uploads the files that differ from the repository's by their hashes, and a single
commit on the head that was compared makes them visible. A try that is cut off anywhere leaves the
repository as it was, and the next one uploads only what the Hub does not have yet. The token is
the one of ``HF_TOKEN`` or ``hf auth login``: huggingface_hub finds it, and it is never written.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenacity import RetryCallState, Retrying, retry_if_exception

from assets.config.errors import FactoryError, causes
from assets.export.card import MARK
from engines.network import may_pass, status
from engines.openai.retry_budget import RetryBudget

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import DatasetInfo

log = logging.getLogger(__name__)

FOLDERS = ("data", "candidates")
"""The folders of a repository that are the factory's own: files that are in these and not in the
export are removed. All other files, the card aside, are left alone."""

PATIENCE = 600.0
"""Seconds for which a busy or failing Hub is tried again. Its rate limits renew every 300."""
MOVED = (409, 412)
"""Answers after which the same may succeed, beside a busy server's: the head moved meanwhile."""

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
    """Make ``repo`` (``NAME/REPO``, created if it is not there) hold what ``folder`` does.

    A new repository is private unless ``public``. 412, 429 and server errors are tried again, after
    as long as the Hub asks for (``wait`` gets the seconds), for `PATIENCE` in all.

    Raises `FactoryError` without a token; where the repository holds something else than an export,
    or is public and nobody asked for that; and where the Hub refuses or stays away.
    """
    import httpx2
    from huggingface_hub import HfApi, get_token

    token = get_token()
    if token is None:
        raise FactoryError(
            "no token for the Hugging Face Hub: set HF_TOKEN, or log in with: hf auth login"
        )
    api = HfApi()
    first: str | None = None

    def commit() -> Published:
        nonlocal first
        info = _found(api, repo, public=public)
        first = first or info.sha
        # It leaves out the files that have not changed, and makes no empty commit.
        done = api.create_commit(
            repo,
            _changes(folder, info),
            commit_message=message,
            repo_type="dataset",
            parent_commit=info.sha,
        )
        url = f"{api.endpoint}/datasets/{repo}"
        return Published(url, done.oid, done.oid != first, not info.private)

    def warn(state: RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome is not None else None
        if failure is not None:
            log.warning(
                "the Hub: %s; trying again in %.0f s", _line(failure, token), state.upcoming_sleep
            )

    budget = RetryBudget(PATIENCE, _headers)
    retries = Retrying(
        sleep=wait,
        retry=retry_if_exception(_passes),
        wait=budget.wait,
        stop=budget.stop,
        before_sleep=warn,
        reraise=True,
    )
    try:
        return retries(commit)
    # Uploads wrap what their threads raised.
    except (OSError, RuntimeError, ValueError, httpx2.TransportError) as error:
        raise FactoryError(f"could not publish to dataset {repo}: {_line(error, token)}") from None


def _found(api: "HfApi", repo: str, *, public: bool) -> "DatasetInfo":
    """The repository as it is now, created if it was not there. Raises `FactoryError` where it must
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


def _changes(folder: Path, info: "DatasetInfo") -> list[Any]:
    """What makes the files of the repository those of ``folder``."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    operations: list[Any] = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=path)
        for name, path in files.items()
        if path.is_file()
    ]
    operations += [
        CommitOperationDelete(path_in_repo=file.rfilename)
        for file in info.siblings or []
        if file.rfilename not in files and file.rfilename.partition("/")[0] in FOLDERS
    ]
    return operations


def _passes(error: BaseException) -> bool:
    """Whether the same may succeed later. A head that moved meanwhile is read anew."""
    return any(may_pass(cause) or status(cause) in MOVED for cause in causes(error))


def _answer(error: BaseException) -> BaseException:
    """The refusal of the Hub that ``error`` was raised from; ``error`` where there is none."""
    return next((cause for cause in causes(error) if status(cause) is not None), error)


def _headers(error: BaseException) -> Mapping[str, str]:
    """Those of the Hub's answer; its ``RateLimit`` as a Retry-After where it has none."""
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

    answer = getattr(_answer(error), "response", None)
    if answer is None:
        return {}
    limit = parse_ratelimit_headers(answer.headers)
    exceeded = limit is not None and limit.remaining == 0
    resets = {"retry-after": str(limit.reset_in_seconds)} if limit is not None and exceeded else {}
    return resets | dict(answer.headers)


def _line(error: BaseException, token: str) -> str:
    """What went wrong in a line, without the token, which an answer may quote."""
    answer = _answer(error)
    text = str(getattr(answer, "server_message", None) or answer)
    line = " ".join(text.replace(token, "(token)").split())[:500]
    code = status(answer)
    return f"{code} {line}" if code is not None else f"{type(answer).__name__}: {line}"
