"""Servers that answer as a test says."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from engines.openai import retry_budget as patience
from tests.engines.provider import Provider
from tests.http_stub import HttpStub, Script


@pytest.fixture
def http_stub() -> Iterator[Callable[[Script], HttpStub]]:
    """Starts a server: ``http_stub(script) -> HttpStub``. It ends with the test, for each wakes a
    hundred times a second."""
    with ExitStack() as stack:

        def start(script: Script) -> HttpStub:
            stub = HttpStub(script)
            stack.callback(stub.stop)
            return stub

        yield start


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of milliseconds."""
    monkeypatch.setattr(patience, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(patience, "LONGEST_WAIT", 0.02)


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def url(provider: Provider, http_stub: Callable[..., Any], quick: None) -> str:
    return str(http_stub(provider).url)
