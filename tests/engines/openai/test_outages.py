"""A server that is busy, stopping or away, and calls that wait for it."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from engines.openai.engine import OpenAIEngine
from engines.protocol import EngineError, Generation, RowError, Sampling, UnavailableError
from tests.engines.provider import MESSAGES, Provider, ask, binding, error

pytestmark = pytest.mark.usefixtures("quick")


def test_trouble_that_passes_is_waited_out(provider: Provider, url: str) -> None:
    whole = b'{"id": "1", "choices": ['
    provider.replies = [
        error(429, "slow down", **{"retry-after": "0"}),
        error(500, "oops"),
        error(503, "loading"),
        None,
        (200, whole, {"content-length": "4000"}),
        (200, whole, {}),
    ]
    assert ask(binding(url)).text == "seven"
    assert len(provider.posts) == 7


def test_a_text_broken_off_by_a_stopping_server_is_asked_for_again(
    provider: Provider, url: str
) -> None:
    broken = provider.answer({})
    broken["choices"][0]["finish_reason"] = "abort"
    provider.replies = [(200, broken, {})]
    assert ask(binding(url)).finish == "stop"


def test_patience_ends_with_what_to_do(provider: Provider, url: str) -> None:
    provider.replies = [error(503, "the GPU fell off") for _ in range(500)]
    with pytest.raises(
        EngineError, match=r"answers 503: the GPU fell off; waited 0\.1 s"
    ) as caught:
        ask(binding(url, options={"patience": 0.1}))
    assert url in str(caught.value)
    assert not isinstance(caught.value, RowError)


def test_a_wait_longer_than_patience_is_not_begun(provider: Provider, url: str) -> None:
    provider.replies = [error(429, "quota per day", **{"retry-after": "86400"})]
    with pytest.raises(UnavailableError, match="quota per day"):
        ask(binding(url))
    assert len(provider.posts) == 1


def test_a_server_that_is_down_is_named(http_stub: Callable[..., Any]) -> None:
    stub = http_stub(Provider())
    stub.stop()
    with pytest.raises(UnavailableError, match="does not answer") as caught:
        OpenAIEngine(binding(stub.url, options={"patience": 0.05}))
    assert stub.url in str(caught.value)
    assert "vllm serve" in str(caught.value)


def test_calls_outlast_a_restart(http_stub: Callable[..., Any]) -> None:
    stub = http_stub(Provider())

    class Restart(logging.Handler):
        """Starts the server again once it has been missed."""

        def emit(self, record: logging.LogRecord) -> None:
            if "does not answer" in record.getMessage() and not stub.running:
                stub.start()

    async def run() -> list[Generation]:
        engine = OpenAIEngine(binding(stub.url))
        prompt = engine.render(MESSAGES)
        await engine.generate(prompt, Sampling(), 0)
        stub.stop()
        answers = await asyncio.gather(*(engine.generate(prompt, Sampling(), n) for n in range(9)))
        await engine.close()
        return answers

    log, missed = logging.getLogger("engines.openai.client"), Restart()
    log.addHandler(missed)
    try:
        assert [answer.text for answer in asyncio.run(run())] == ["seven"] * 9
    finally:
        log.removeHandler(missed)
