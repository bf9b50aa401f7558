"""A server of the tests' own that speaks OpenAI's protocol, well or badly."""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

from engines.bindings import Binding
from engines.choices import exact, spellings
from engines.openai.engine import OpenAIEngine
from engines.protocol import Choice, Generation, Sampling

MESSAGES = [{"role": "user", "content": "How many apples?"}]
NO_LOGPROBS = [
    None,
    {},
    {"content": None},
    {"content": []},
    {"content": [{"token": "s", "logprob": None}, {"token": "even", "logprob": -0.5}]},
    {"content": [{"token": "seven", "logprob": "?"}]},
    {"content": "?"},
    ["?"],
]
"""What servers give for ``logprobs`` that is no log-prob of each token."""


class Provider:
    """A server of the model "m" that says ``text``; ``replies`` come first, one a POST."""

    def __init__(self, **entry: Any) -> None:
        self.entry = {"id": "m", "object": "model", "created": 1, "owned_by": "us", **entry}
        self.replies: list[Any] = []
        self.posts: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.text = "seven"
        self.lock = threading.Lock()

    def __call__(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        with self.lock:
            self.headers.append(headers)
            if method == "GET":
                return 200, {"object": "list", "data": [self.entry]}, {}
            self.posts.append(body)
            return self.replies.pop(0) if self.replies else (200, self.answer(body), {})

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        tokens = [{"token": letter, "logprob": -0.5} for letter in self.text]
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": self.text},
            "finish_reason": "stop",
            "logprobs": {"content": tokens} if body.get("logprobs") else None,
        }
        if body.get("return_token_ids"):
            choice["token_ids"] = [ord(letter) for letter in self.text]
        return {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}


def error(status: int, message: str, **headers: str) -> tuple[int, Any, Mapping[str, str]]:
    said = {"message": message, "type": "error", "code": None, "param": None}
    return status, {"error": said}, headers


def binding(url: str, **changes: Any) -> Binding:
    options = {"patience": 20, "timeout": 20, **changes.pop("options", {})}
    return Binding(engine="openai", url=url, served_as="m", options=options, **changes)


def ask(
    bound: Binding, sampling: Sampling | None = None, *, messages: Any = None, seed: int = 5
) -> Generation:
    async def asked() -> Generation:
        engine = OpenAIEngine(bound)
        try:
            prompt = engine.render(messages or MESSAGES)
            return await engine.generate(prompt, sampling or Sampling(), seed)
        finally:
            await engine.close()

    return asyncio.run(asked())


def choose(bound: Binding, options: list[str], *, spelled: bool = False) -> Choice:
    async def asked() -> Choice:
        engine = OpenAIEngine(bound)
        try:
            ways = spellings(tuple(options)) if spelled else exact(options)
            return await engine.choose(engine.render(MESSAGES), ways)
        finally:
            await engine.close()

    return asyncio.run(asked())


def changed(provider: Provider, choice: dict[str, Any], **reply: Any) -> Any:
    """The provider's answer with other fields."""
    answer = provider.answer({"logprobs": True})
    answer["choices"][0] |= choice
    return 200, answer | reply, {}
