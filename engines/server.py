"""One OpenAI-compatible server: ask it, wait while it is down or busy, say what is wrong.

    200, not what was promised      asked again, thrice; then `RowError`
    400, 413, 422                   `RowError`: this prompt is refused, with the server's words
    401, 402, 403, no quota left    `EngineError` at once
    404                             `EngineError` at once, with what the server does serve
    408, 409, 425, 429, 5xx, none   asked again until patience ends, then `UnavailableError`

An API key is in no message: servers repeat it, so it is struck out of what they say.
"""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import openai
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.patience import Patience
from engines.protocol import EngineError, RowError, UnavailableError
from engines.replies import ChatReply, Models, TextReply
from engines.roles import Binding
from schemas import Message

R = TypeVar("R", ChatReply, TextReply)

_log = logging.getLogger(__name__)

_OPENING_PATIENCE = 30.0
"""Seconds to wait for a server that has never answered: more likely a wrong url than a restart."""
_MALFORMED_TRIES = 3
"""An answer cut short may be whole the next time; one that is not JSON thrice will stay so."""
_BUSY = frozenset({408, 409, 425, 429})
_REFUSED = frozenset({400, 413, 422})
_NO_LIST = frozenset({404, 405})
_LEAVING = frozenset({"abort", "error"})
"""How vLLM ends what it was writing when it is told to stop; another try may end well."""


class ServerOptions(BaseModel):
    """What an ``openai`` binding's ``options`` may hold.

    ``timeout``: seconds until one request counts as lost. ``patience``: seconds that a call waits,
    in all, for a server that is down, busy (429) or failing (5xx). ``body``: fields added to every
    request, such as ``{"reasoning_effort": "low"}``. ``top_logprobs``: how many first tokens a
    choice asks for; providers allow 5 to 20.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout: float = Field(default=600.0, gt=0)
    patience: float = Field(default=300.0, ge=0)
    body: Mapping[str, Any] = Field(default_factory=dict)
    top_logprobs: int = Field(default=20, ge=1)


class Server:
    """One model on one server, at most ``binding.concurrency`` requests at a time."""

    def __init__(self, binding: Binding) -> None:
        """Raises `EngineError` for options, a url or a key that cannot be used."""
        assert binding.url is not None
        assert binding.served_as is not None
        self.model = binding.served_as
        try:
            self.options = ServerOptions.model_validate(binding.options)
        except ValidationError as error:
            raise EngineError(f"the options of {self.model!r} (engine openai): {error}") from None
        self.url = binding.url.rstrip("/")
        self._shown = _without_credentials(self.url)
        self._key = _key(binding)
        self._slots = asyncio.Semaphore(binding.concurrency)
        self._warned = False
        self._settings: dict[str, Any] = {
            "base_url": self.url,
            # A placeholder: without one the client would send OPENAI_API_KEY, the key of another
            # place, to this server.
            "api_key": self._key or "none",
            "timeout": self.options.timeout,
            "max_retries": 0,
        }
        self._client = openai.AsyncOpenAI(**self._settings)

    def __str__(self) -> str:
        return f"{self.model!r} at {self._shown}"

    def entry(self) -> dict[str, Any]:
        """What ``GET /models`` says of the model; empty where the server has no such list.

        Blocks until the server answers. Raises `EngineError` if it does not, refuses the key or
        serves other models.
        """
        patience = Patience(min(self.options.patience, _OPENING_PATIENCE))
        timeout = min(self.options.timeout, _OPENING_PATIENCE)
        with openai.OpenAI(**{**self._settings, "timeout": timeout}) as client:
            while True:
                try:
                    listed = Models.model_validate_json(client.models.with_raw_response.list().text)
                    break
                except (openai.APIError, ValidationError) as error:
                    if isinstance(error, openai.APIStatusError) and error.status_code in _NO_LIST:
                        return {}
                    wait = self._wait(error, patience)
                time.sleep(wait)
        for entry in listed.data:
            if entry.get("id") == self.model:
                return entry
        raise self._unknown(listed)

    async def chat(self, messages: Sequence[Message], body: Mapping[str, Any]) -> ChatReply:
        """``POST /chat/completions``. Errors are those of the table above."""
        turns = cast(Any, [dict(message) for message in messages])
        create = self._client.chat.completions.with_raw_response.create
        extra = {**body, **self.options.body}
        return await self._ask(
            lambda: create(model=self.model, messages=turns, extra_body=extra), ChatReply
        )

    async def complete(self, prompt: str | list[int], body: Mapping[str, Any]) -> TextReply:
        """``POST /completions``, which goes on from a text or from tokens; errors likewise."""
        create = self._client.completions.with_raw_response.create
        return await self._ask(
            lambda: create(model=self.model, prompt=prompt, extra_body=body), TextReply
        )

    async def _ask(self, send: Callable[[], Awaitable[Any]], kind: type[R]) -> R:
        malformed = 0
        patience = Patience(self.options.patience)
        async with self._slots:
            while True:
                try:
                    reply = kind.model_validate_json((await send()).text)
                    if reply.choices[0].finish_reason not in _LEAVING:
                        self._warned = False
                        return reply
                    wait = self._wait_for(patience, "broke off an answer")
                except openai.NotFoundError as error:
                    raise await self._not_found(error) from None
                except ValidationError as error:
                    malformed += 1
                    if malformed == _MALFORMED_TRIES:
                        raise RowError(
                            f"{self} gives no completion: {self._unreadable(error)}"
                        ) from None
                    wait = self._wait(error, patience)
                except openai.APIError as error:
                    wait = self._wait(error, patience)
                await asyncio.sleep(wait)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _wait(self, error: Exception, patience: Patience) -> float:
        """Seconds until the next try. Raises what the user is told where there is none.

        ``from None``: the client's own error, in the traceback, would show the key.
        """
        if isinstance(error, openai.APIStatusError):
            status, said = error.status_code, self._said(error)
            if status in (401, 403):
                raise EngineError(
                    f"{self} refuses the key ({status}): {said}. {self._key_hint()}"
                ) from None
            if status == 402 or error.code == "insufficient_quota":
                raise EngineError(f"{self} has no credit left for this key: {said}") from None
            if status in _REFUSED:
                raise RowError(f"{self} refuses the prompt ({status}): {said}") from None
            if status not in _BUSY and status < 500:
                raise EngineError(f"{self} answers {status}: {said}") from None
            return self._wait_for(patience, f"answers {status}: {said}", error.response.headers)
        if isinstance(error, ValidationError):
            return self._wait_for(
                patience, f"answers what cannot be read: {self._unreadable(error)}"
            )
        reason = error.__cause__ or error
        return self._wait_for(patience, f"does not answer ({type(reason).__name__}: {reason})")

    def _wait_for(
        self, patience: Patience, trouble: str, headers: Mapping[str, str] | None = None
    ) -> float:
        wait = patience.wait(headers)
        if wait is None:
            raise UnavailableError(
                f"{self} {trouble}; waited {patience.seconds:g} s. Start it (vllm serve <folder> "
                f"--served-model-name {self.model}), or correct the binding's 'url'; a busy server "
                "needs a smaller 'concurrency', or more seconds of 'patience' in the binding's "
                "options"
            ) from None
        if not self._warned:
            # Once an outage, not once a call: a thousand calls may be waiting.
            _log.warning("%s %s; waiting up to %g s", self, trouble, patience.seconds)
            self._warned = True
        return wait

    async def _not_found(self, error: openai.NotFoundError) -> EngineError:
        try:
            raw = await self._client.models.with_raw_response.list()
            return self._unknown(Models.model_validate_json(raw.text))
        except (openai.APIError, ValidationError):
            return EngineError(
                f"{self} answers 404: {self._said(error)}. Is 'url' the address that ends in /v1, "
                "and 'served_as' a name it knows?"
            )

    def _unknown(self, listed: Models) -> EngineError:
        names = ", ".join(repr(entry.get("id")) for entry in listed.data) or "nothing"
        return EngineError(
            f"{self._shown} does not serve {self.model!r}; it serves {names}: correct the "
            "binding's 'served_as'"
        )

    def _said(self, error: openai.APIStatusError) -> str:
        body = error.body
        said = str(body["message"]) if isinstance(body, dict) and "message" in body else None
        return self._struck(said or error.response.text or error.response.reason_phrase)[:500]

    def _unreadable(self, error: ValidationError) -> str:
        wrong = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in wrong["loc"])
        answer = self._struck(str(wrong["input"]))[:200]
        return f"{where + ': ' if where else ''}{wrong['msg']} in {answer!r}"

    def _struck(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text

    def _key_hint(self) -> str:
        if self._key:
            return "Set the environment variable that 'api_key_env' names to a valid key"
        return "Name the environment variable that holds a key: 'api_key_env' in the binding"


def _key(binding: Binding) -> str | None:
    if binding.api_key_env is None:
        return None
    key = os.environ.get(binding.api_key_env, "").strip()
    if not key:
        raise EngineError(
            f"{binding.served_as!r} needs a key: set the environment variable "
            f"{binding.api_key_env}, which the binding's 'api_key_env' names"
        )
    return key


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EngineError(f"'url' must be an address such as http://localhost:8000/v1, not {url!r}")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
