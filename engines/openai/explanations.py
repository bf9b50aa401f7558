"""What is wrong with a server, in the user's words. No message holds the API key.

Servers repeat keys in their own messages, so these are cleaned too.
"""

import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import ValidationError

from engines.bindings import Binding
from engines.openai.failures import SILENT, UNREADABLE, Failure
from engines.openai.responses import ModelList
from engines.protocol import EngineError, RowError, UnavailableError
from schemas.wrong_values import what_is_wrong

_AGAIN = frozenset({SILENT, UNREADABLE, 408, 409, 425, 429})
_REFUSED = frozenset({400, 413, 422})
_TOO_LONG = re.compile(r"context (length|window|size)|max_(completion_)?tokens", re.IGNORECASE)
_ROOM = (
    ". The prompt and max_tokens must fit the model's context together: set a smaller max_tokens "
    "(defaults of the role, or of the stage) or leave out longer prompts"
)


@dataclass(frozen=True)
class Explanations:
    """The errors of one model on one server.

    Attributes:
        model: The name that the server knows.
        place: The address, without credentials.
        key: The API key, or None.
    """

    model: str
    place: str
    key: str | None = field(repr=False)

    def __str__(self) -> str:
        return f"{self.model!r} at {self.place}"

    def error(self, failure: Failure, waited: float | None) -> EngineError | RowError:
        """The final error of a failed call.

        Args:
            failure: the last failure.
            waited: the seconds of retries; None if more time would not help.
        """
        status, message = failure.status, self.message(failure)
        if status in (401, 403):
            return EngineError(f"{self} refuses the key ({status}): {message}. {self._key_hint()}")
        if status == 402:
            return EngineError(f"{self} has no credit left for this key: {message}")
        if status in _REFUSED:
            hint = _ROOM if _TOO_LONG.search(message) else ""
            return RowError(f"{self} refuses the prompt ({status}): {message}{hint}")
        if not passes(failure):
            return EngineError(f"{self} {self.words(failure)}")
        if waited is None:
            return EngineError(f"{self} {message}")
        return UnavailableError(
            f"{self} {self.words(failure)}; waited {waited:g} s. Start it (vllm "
            f"serve <folder> --served-model-name {self.model}), or correct the binding's "
            "'url'; a busy server needs a smaller 'concurrency', or more seconds of "
            "'patience' in the binding's options"
        )

    def unknown(self, listed: ModelList) -> EngineError:
        """The error of a server that lists other models."""
        names = ", ".join(repr(entry.get("id")) for entry in listed.data) or "nothing"
        return EngineError(
            f"{self.place} does not serve {self.model!r}; it serves {names}: correct the "
            "binding's 'served_as'"
        )

    def words(self, failure: Failure) -> str:
        """What a server did, to follow its name: ``answers 500: …``."""
        message = self.message(failure)
        if failure.status in (SILENT, UNREADABLE):
            return message
        return f"answers {failure.status}: {message}"

    def message(self, failure: Failure) -> str:
        """What a server said, cut to 500 characters."""
        return self._without_key(failure.message)[:500]

    def unreadable(self, error: ValidationError) -> str:
        """What is wrong with an answer, and its beginning."""
        wrong = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in wrong["loc"])
        answer = self._without_key(str(wrong["input"]))[:200]
        return f"{where + ': ' if where else ''}{what_is_wrong(wrong)} in {answer!r}"

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "***") if self.key else text

    def _key_hint(self) -> str:
        if self.key:
            return "Set the environment variable that 'api_key_env' names to a valid key"
        return "Name the environment variable that holds a key: 'api_key_env' in the binding"


def passes(error: BaseException) -> bool:
    """Whether a retry of the same request may succeed."""
    return isinstance(error, Failure) and (error.status in _AGAIN or error.status >= 500)


def key_of(binding: Binding) -> str | None:
    """The API key in the variable that a binding names; None if it names none.

    Raises:
        EngineError: The variable is not set.
    """
    if binding.api_key_env is None:
        return None
    key = os.environ.get(binding.api_key_env, "").strip()
    if not key:
        raise EngineError(
            f"{binding.served_as!r} needs a key: set the environment variable "
            f"{binding.api_key_env}, which the binding's 'api_key_env' names"
        )
    return key


def without_credentials(url: str) -> str:
    """An address without user name and password.

    Raises:
        EngineError: It is no address of a web server.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EngineError(f"'url' must be an address such as http://localhost:8000/v1, not {url!r}")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
