"""Which failures are those of a network, a remote disk or a busy server: they may pass."""

import errno
import socket
from urllib.error import HTTPError

_BUSY = frozenset({408, 425, 429})
"""HTTP statuses below 500 that ask for another try."""

_PASSING = frozenset(
    {
        *(errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO, errno.ESTALE, errno.ETIMEDOUT),
        *(errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE),
        *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH),
    }
)
"""Errors of a network, or of a disk or object store behind it. A missing file, a full disk or a
missing permission need a person."""


def may_pass(error: BaseException) -> bool:
    """Whether ``error`` itself, whatever it was raised from, may pass: a connection that failed or
    timed out, or an answer that asks for another try.

    The clients are those in use: openai, huggingface_hub (both on httpx2), urllib and fsspec, whose
    errors are OSErrors.
    """
    import httpx2
    import openai
    from huggingface_hub.errors import OfflineModeIsEnabled

    answered = status(error)
    if answered is not None:
        return answered in _BUSY or answered >= 500
    if isinstance(error, OfflineModeIsEnabled):
        return False
    if isinstance(error, OSError):
        away = (ConnectionError, TimeoutError, socket.gaierror)
        return error.errno in _PASSING or isinstance(error, away)
    return isinstance(
        error,
        (
            openai.APIConnectionError,
            httpx2.TimeoutException,
            httpx2.NetworkError,
            httpx2.RemoteProtocolError,
            httpx2.ProxyError,
        ),
    )


def status(error: BaseException) -> int | None:
    """The HTTP status of the answer that ``error`` is about; None where no answer came."""
    if isinstance(error, HTTPError):
        return error.code
    found = getattr(getattr(error, "response", None), "status_code", None)
    return found if isinstance(found, int) else None
