"""A client of one OpenAI-compatible server: sends requests, retries, and explains failures.

    400, 413, 422                   `RowError` with the server's message. But a refused parameter
                                    is left out and the request is sent again
                                    (`engines.openai.parameters`)
    402, no quota left              `EngineError` at once
    401, 403, 404, other 4xx        no retry; then as below
    408, 409, 425, 429, 5xx, none   retried until ``patience`` ends; then as below
    200, unreadable                 retried up to three times; then as below
    more than 64 MiB                the same (`engines.openai.http_client`)
    200 with an error in it         by the error's own code

Below: one failed call does not mean that the server failed. If the server has answered another call
since this one was last sent, or answers a greeting now, the prompt is the cause: `RowError`.
Otherwise the server is: `UnavailableError` if the failure may be temporary, else `EngineError`.
The message says what to do; for a 404 it lists the served models.

The number of requests in flight follows the server's capacity (`engines.openai.concurrency`), up to
the binding's ``concurrency``. No message contains the API key: it is removed from the server's
messages, which may repeat it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field, ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from engines.bindings import Binding
from engines.chat.turns import turn_of
from engines.openai.endpoint import endpoint
from engines.openai.explanations import Explanations, key_of, passes, without_credentials
from engines.openai.failures import SILENT, UNREADABLE, Failure, refused
from engines.openai.parameters import adapted, named
from engines.openai.responses import ChatReply, ModelList, PoolingReply, TextReply
from engines.openai.retry_budget import RetryBudget, asked_wait
from engines.protocol import EngineError, RowError
from schemas import Message
from schemas.parameters import Parameters

if TYPE_CHECKING:
    import openai

R = TypeVar("R", ChatReply, TextReply, PoolingReply, ModelList)

_log = logging.getLogger(__name__)

_OPENING_PATIENCE = 30.0
"""Seconds to wait for a server that has never answered. A wrong url is more likely than a
restart."""
_MALFORMED_TRIES = 3
"""A truncated answer may be complete at the next try. After three tries it will not be."""
_NO_LIST = frozenset({404, 405})
_LIMITED = frozenset({429, 503})
"""With these statuses, headers about rate limits count in addition to Retry-After."""
_COUNTED = 3
"""The failures of one call that count as signs of overload. Later ones may be the prompt's."""
THOUGHT = ("reasoning", "reasoning_content")
"""vLLM reads the first name, DeepSeek's server the second."""
GREETING: list[Message] = [{"role": "user", "content": "Hello!"}]
"""A prompt that no server refuses. It tests whether a server answers at all."""
_PROMISED = {ModelList: "list of models", PoolingReply: "rewards"}
"""The expected content of an answer, by its kind; others are completions."""
_LEAVING = frozenset({"abort", "error"})
"""vLLM's finish reasons when it is shut down. A retry may succeed."""


class ServerOptions(Parameters):
    """``options`` of an ``openai`` binding.

    Attributes:
        timeout: the most seconds of one request, from its first byte to the last of its answer.
        patience: the total seconds that a call waits for a server that is down, busy (429) or
            failing (5xx).
        body: fields added to every request, such as ``{"reasoning_effort": "low"}``.
        top_logprobs: the number of first tokens that a choice requests. Providers allow 5 to 20.
    """

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
        self.options = ServerOptions.model_validate(dict(binding.options))
        self.url = binding.url.rstrip("/")
        key = key_of(binding)
        self._explain = Explanations(self.model, without_credentials(self.url), key)
        self.endpoint = endpoint(self.url, self.model, key)
        self._ceiling = binding.concurrency
        self._warned = False
        self._given_up: EngineError | None = None
        self._greeting: asyncio.Task[bool] | None = None
        self._settings: dict[str, Any] = {
            "base_url": self.url,
            # A placeholder: without it the client would send OPENAI_API_KEY, which may be another
            # provider's key, to this server.
            "api_key": key or "none",
            "timeout": self.options.timeout,
            "max_retries": 0,
        }
        self._client = self._connected()

    def __str__(self) -> str:
        return str(self._explain)

    def entry(self) -> dict[str, Any]:
        """The model's entry of ``GET /models``; empty if the server has no such list.

        Blocks until the server answers.

        Raises:
            EngineError: the server does not answer, refuses the key or serves other models.
        """
        # In a new thread: this one may run an event loop.
        with ThreadPoolExecutor(1) as thread:
            listed = thread.submit(asyncio.run, self._list()).result()
        if listed is None:
            return {}
        for entry in listed.data:
            if entry.get("id") == self.model:
                return entry
        raise self._explain.unknown(listed)

    def _connected(self) -> "openai.AsyncOpenAI":
        # Imported here, as it takes a second: loading a configuration imports this module too.
        import openai

        from engines.openai.http_client import BoundedClient

        return openai.AsyncOpenAI(**self._settings, http_client=BoundedClient())

    async def _list(self) -> ModelList | None:
        timeout = min(self.options.timeout, _OPENING_PATIENCE)
        budget = RetryBudget(min(self.options.patience, _OPENING_PATIENCE), _retry_headers)
        async with self._connected() as client:

            async def attempt() -> ModelList:
                return await self._sent(client.models.with_raw_response.list(), ModelList, timeout)

            try:
                return await self._retries(budget, passes, lambda: True)(attempt)
            except Failure as failure:
                if failure.status in _NO_LIST:
                    return None
                raise self._explain.error(failure, budget.seconds) from None

    def _retries(
        self,
        budget: RetryBudget,
        again: Callable[[BaseException], bool],
        outage: Callable[[], bool],
    ) -> AsyncRetrying:
        """Retries of one call, with a warning during an outage.

        Args:
            budget: the waiting times.
            again: whether the call is retried after this error.
            outage: whether the server has answered no call since this one began.
        """

        def warn(state: RetryCallState) -> None:
            failure = state.outcome.exception() if state.outcome is not None else None
            if isinstance(failure, Failure) and outage() and not self._warned:
                # Once per outage, not once per call: a thousand calls may be waiting.
                words = self._explain.words(failure)
                _log.warning("%s %s; waiting up to %g s", self, words, budget.seconds)
                self._warned = True

        return AsyncRetrying(
            retry=retry_if_exception(again),
            wait=budget.wait,
            stop=budget.stop,
            before_sleep=warn,
            reraise=True,
        )

    async def chat(
        self,
        messages: Sequence[Message],
        body: Mapping[str, Any],
        *,
        needs: Collection[str] = (),
    ) -> ChatReply:
        """``POST /chat/completions``. Raises the errors of the module's table.

        Args:
            messages: the conversation.
            body: further fields of the request.
            needs: the fields of ``body`` that are never left out, even if the server refuses them.
        """
        needed = {name: body[name] for name in needs}
        optional = {name: value for name, value in body.items() if name not in needs}

        def send(without: Collection[str]) -> Awaitable[Any]:
            turns, kept = adapted(messages, optional, without)
            return self._create(turns, {**kept, **needed})

        def cause(failure: Failure, without: Collection[str]) -> str | None:
            return named(failure, *adapted(messages, optional, without))

        return await self._ask(send, cause, ChatReply)

    async def complete(self, prompt: str | list[int], body: Mapping[str, Any]) -> TextReply:
        """``POST /completions``: continues a text or tokens. The same errors."""
        create = self._client.completions.with_raw_response.create
        return await self._ask(
            lambda _: create(model=self.model, prompt=prompt, extra_body=body),
            lambda *_: None,
            TextReply,
        )

    async def pool(self, fields: Mapping[str, Any]) -> PoolingReply:
        """``POST /pooling``, an endpoint of vLLM next to ``/v1``. The same errors."""
        return await self._ask(lambda _: self._pooled(fields), lambda *_: None, PoolingReply)

    def _pooled(self, fields: Mapping[str, Any]) -> Awaitable[Any]:
        import httpx2

        url = f"{self.url.removesuffix('/v1')}/pooling"
        body = {"model": self.model, **fields, **self.options.body}
        return self._client.post(url, cast_to=httpx2.Response, body=body)

    def _create(self, messages: Sequence[Message], body: Mapping[str, Any]) -> Awaitable[Any]:
        turns: Any = [turn_of(message, reasoning=THOUGHT, parsed=False) for message in messages]
        create = self._client.chat.completions.with_raw_response.create
        return create(model=self.model, messages=turns, extra_body={**body, **self.options.body})

    async def _ask(
        self,
        send: Callable[[Collection[str]], Awaitable[Any]],
        cause: Callable[[Failure, Collection[str]], str | None],
        kind: type[R],
    ) -> R:
        budget = RetryBudget(self.options.patience, _retry_headers)
        tries, malformed, without, message = 0, 0, set[str](), ""
        pace, began, sent = self.endpoint.pace, time.monotonic(), 0.0

        async def attempt() -> R:
            nonlocal tries, malformed, message, sent
            while True:
                left_out = self.endpoint.refused | without
                async with pace.turn(self._ceiling, again=tries > 0) as sent:
                    if self._given_up is not None:
                        raise type(self._given_up)(str(self._given_up))
                    try:
                        reply = await self._sent(send(left_out), kind, self.options.timeout)
                        pace.answered(self._ceiling)
                        self.endpoint.answered()
                        self.endpoint.learn(without, str(self), message)
                        self._warned = False
                        return reply
                    except Failure as failure:
                        current_failure = failure
                        if current_failure.overload and tries < _COUNTED:
                            wait = asked_wait(current_failure.headers)
                            pace.overloaded(sent, min(wait, self.options.patience))
                tries += 1
                malformed += current_failure.status == UNREADABLE
                part = cause(current_failure, left_out)
                if part is None:
                    raise current_failure
                without.add(part)
                message = self._explain.message(current_failure)

        def again(error: BaseException) -> bool:
            return passes(error) and malformed < _MALFORMED_TRIES

        def outage() -> bool:
            # One refusal is not an outage: requests are added until the server refuses one.
            return tries > 1 and self.endpoint.answered_at < began

        try:
            return await self._retries(budget, again, outage)(attempt)
        except Failure as failure:
            error = self._explain.error(
                failure, None if malformed == _MALFORMED_TRIES else budget.seconds
            )
            if isinstance(error, RowError):
                raise error from None
            if await self._is_own(failure, sent, kind):
                words = self._explain.words(failure)
                raise RowError(f"{self} answers other prompts; to this one it {words}") from None
            unknown = failure.status == 404
            self._given_up = await self._not_found(failure) if unknown else error
            raise self._given_up from None

    async def _sent(self, request: Awaitable[Any], kind: type[R], seconds: float) -> R:
        """The answer to ``request`` within ``seconds``. Raises `Failure`.

        ``from None``: the client's own error would show the key in the traceback.
        """
        import openai

        try:
            async with asyncio.timeout(seconds):
                raw = await request
        except TimeoutError:
            message = f"gives no complete answer within {seconds:g} s"
            raise Failure(SILENT, message, overdue=True) from None
        except openai.APIStatusError as error:
            answer = error.response
            raise refused(answer.status_code, answer.text, answer.headers) from None
        except openai.APIError as error:
            reason = error.__cause__ or error
            overdue = isinstance(error, openai.APITimeoutError)
            message = f"does not answer ({type(reason).__name__}: {reason})"
            raise Failure(SILENT, message, overdue=overdue) from None
        try:
            reply = kind.model_validate_json(raw.text)
        except ValidationError as error:
            failure = refused(UNREADABLE, raw.text, raw.headers)
            if failure.status == UNREADABLE:
                expected = _PROMISED.get(kind, "completion")
                failure = Failure(
                    UNREADABLE, f"gives no {expected}: {self._explain.unreadable(error)}"
                )
            raise failure from None
        if not isinstance(reply, ModelList):
            if reply.failed:
                raise refused(UNREADABLE, raw.text, raw.headers)
            if not isinstance(reply, PoolingReply) and reply.choices[0].finish_reason in _LEAVING:
                raise Failure(SILENT, "broke off an answer")
        return reply

    async def close(self) -> None:
        """Close the connections."""
        if self._greeting is not None:
            self._greeting.cancel()
        await self._client.close()

    async def _is_own(self, failure: Failure, sent: float, kind: type[R]) -> bool:
        """Whether a call last sent at ``sent`` failed because of its prompt: the server answers
        others."""
        if self.endpoint.answered_at > sent:
            return True
        if failure.status == 402 or asked_wait(failure.headers):
            return False  # The server itself gives another cause.
        if self._greeting is None or self._greeting.done():
            self._greeting = asyncio.create_task(self._greeted(kind))
        return await asyncio.shield(self._greeting) or self.endpoint.answered_at > sent

    async def _greeted(self, kind: type[R]) -> bool:
        """Whether the server answers a greeting, with rewards or a text as ``kind`` says."""
        messages, body = adapted(GREETING, {"max_tokens": 16}, self.endpoint.refused)
        seconds = min(self.options.timeout, _OPENING_PATIENCE)
        try:
            if kind is PoolingReply:
                await self._sent(self._pooled({"messages": messages}), PoolingReply, seconds)
            else:
                await self._sent(self._create(messages, body), ChatReply, seconds)
        except Failure:
            return False
        self.endpoint.answered()
        return True

    async def _not_found(self, failure: Failure) -> EngineError:
        known = ""
        try:
            listing = self._client.models.with_raw_response.list()
            listed = await self._sent(listing, ModelList, _OPENING_PATIENCE)
            if all(entry.get("id") != self.model for entry in listed.data):
                return self._explain.unknown(listed)
            known = f" though it serves {self.model!r}"
        except Failure:
            pass
        return EngineError(
            f"{self} answers 404{known}: {self._explain.message(failure)}. Is 'url' the address "
            "that ends in /v1, and 'served_as' a name it knows? Rewards come from vLLM's server "
            "of a classification model only"
        )


def _retry_headers(error: BaseException) -> Mapping[str, str]:
    """The headers that say when to retry."""
    assert isinstance(error, Failure)
    if error.status in _LIMITED:
        return error.headers
    return {name: value for name, value in error.headers.items() if "retry-after" in name}
