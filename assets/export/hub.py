"""Uploads a folder to a dataset or a model of the Hugging Face Hub, in one commit.

huggingface_hub compares the files by hash and uploads those that differ. One commit then makes them
visible, on the head that was compared. An interrupted upload leaves the repository unchanged, and
the next one uploads only what the Hub does not have yet. huggingface_hub reads the token from
``HF_TOKEN`` or ``hf auth login``; it is never written anywhere.
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
from assets.config.hub_address import Kind
from assets.export.card import MARK
from engines.network import may_pass, status
from engines.openai.retry_budget import RetryBudget
from engines.protocol import UnavailableError

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import DatasetInfo, ModelInfo

log = logging.getLogger(__name__)

REPLACED: Mapping[Kind, str] = {
    "dataset": r"(data|candidates)/.+",
    "model": r"[^/]+\.(safetensors|json|jinja|txt|model)",
}
"""The files that an export replaces: one of these that the export does not have is removed. Other
files, except the card, stay as they are."""

PATIENCE = 600.0
"""Seconds to retry a busy or failing Hub. Its rate limits renew every 300 seconds."""
MOVED = (409, 412)
"""Status codes for a head that moved during the upload: a retry may succeed."""


class HubUnavailableError(FactoryError, UnavailableError):
    """The Hub did not answer, or refused for reasons that may pass."""


@dataclass(frozen=True)
class Published:
    """A published dataset or model. ``changed``: whether ``commit`` is new."""

    url: str
    commit: str
    changed: bool
    public: bool


def publish(
    folder: Path,
    repo: str,
    *,
    public: bool,
    message: str,
    kind: Kind = "dataset",
    wait: Callable[[float], None] = time.sleep,
) -> Published:
    """Upload ``folder`` to the dataset or model ``repo``, and create it if it does not exist.

    Status 409, 412, 429 and server errors are retried for `PATIENCE` seconds in total. Each retry
    waits as long as the Hub asks for.

    Args:
        repo: ``NAME/REPO``.
        public: Make a new repository public; it is private otherwise.
        kind: Whether ``repo`` is a dataset or a model.
        wait: Called with the seconds to wait before a retry.

    Raises:
        FactoryError: There is no token; the repository holds something other than an export; it is
            public and ``public`` is false; or the Hub refuses.
        HubUnavailableError: The Hub does not answer.
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
        info = _writable(api, repo, kind, public=public)
        first = first or info.sha
        # huggingface_hub skips unchanged files and makes no empty commit.
        done = api.create_commit(
            repo,
            _changes(folder, info, kind),
            commit_message=message,
            repo_type=kind,
            parent_commit=info.sha,
        )
        url = f"{api.endpoint}/{'datasets/' if kind == 'dataset' else ''}{repo}"
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
    # Uploads wrap the errors of their threads.
    except (OSError, RuntimeError, ValueError, httpx2.TransportError) as error:
        failure = HubUnavailableError if _passes(error) else FactoryError
        raise failure(f"could not publish to {kind} {repo}: {_line(error, token)}") from None


def _writable(api: "HfApi", repo: str, kind: Kind, *, public: bool) -> "DatasetInfo | ModelInfo":
    """The repository as it is now, created if it does not exist. Raises `FactoryError` if it must
    not be written to."""
    from huggingface_hub.errors import RepositoryNotFoundError

    read = api.dataset_info if kind == "dataset" else api.model_info
    try:
        info = read(repo)
    except RepositoryNotFoundError:
        api.create_repo(repo, repo_type=kind, private=not public, exist_ok=True)
        info = read(repo)
    if not info.private and not public:
        raise FactoryError(
            f"{kind} {repo} is public: add --public if everybody may read this export, or name "
            "another repository"
        )
    existing = {file.rfilename for file in info.siblings or []} - {".gitattributes"}
    tags = info.card_data.get("tags") if info.card_data is not None else None
    if existing and MARK not in (tags or []):
        raise FactoryError(
            f"{kind} {repo} holds files that no export wrote: name another repository"
        )
    return info


def _changes(folder: Path, info: "DatasetInfo | ModelInfo", kind: Kind) -> list[Any]:
    """The operations that make the repository's files equal to those of ``folder``."""
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
        if file.rfilename not in files and re.fullmatch(REPLACED[kind], file.rfilename)
    ]
    return operations


def _passes(error: BaseException) -> bool:
    """Whether a retry may succeed. A retry reads a moved head again."""
    return any(may_pass(cause) or status(cause) in MOVED for cause in causes(error))


def _answer(error: BaseException) -> BaseException:
    """The Hub's error response that caused ``error``; ``error`` itself if there is none."""
    return next((cause for cause in causes(error) if status(cause) is not None), error)


def _headers(error: BaseException) -> Mapping[str, str]:
    """The headers of the Hub's response. Its ``RateLimit`` stands in for a missing Retry-After."""
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

    answer = getattr(_answer(error), "response", None)
    if answer is None:
        return {}
    limit = parse_ratelimit_headers(answer.headers)
    exceeded = limit is not None and limit.remaining == 0
    resets = {"retry-after": str(limit.reset_in_seconds)} if limit is not None and exceeded else {}
    return resets | dict(answer.headers)


def _line(error: BaseException, token: str) -> str:
    """The error on one line. The token is removed, because a response may quote it."""
    answer = _answer(error)
    text = str(getattr(answer, "server_message", None) or answer)
    line = " ".join(text.replace(token, "(token)").split())[:500]
    code = status(answer)
    return f"{code} {line}" if code is not None else f"{type(answer).__name__}: {line}"
