"""Rewards over HTTP, from a server that answers as vLLM's does."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engines.bindings import Binding
from engines.opening import open_engine
from engines.protocol import Dropout, EngineError, Rewards, RowError
from tests.engines.conftest import HttpStub

QUESTION = [{"role": "user", "content": "How many?"}]
ENDS = [3, 5]


class PoolingServer:
    """Serves the model "m". ``logits`` gives what its head says of a request."""

    def __init__(self, logits: Callable[[dict[str, Any]], Any]) -> None:
        self.logits = logits
        self.asked: list[dict[str, Any]] = []

    def __call__(self, method: str, path: str, body: Any, headers: Any) -> Any:
        if method == "GET":
            return 200, {"data": [{"id": "m", "owned_by": "vllm"}]}, {}
        if path != "/pooling":
            return 404, {"error": {"message": "no such path"}}, {}
        self.asked.append(body)
        found = self.logits(body)
        if found is None:
            return 500, {"error": {"message": "out of luck"}}, {}
        if isinstance(found, str):
            return 400, {"error": {"message": found}}, {}
        usage = {"prompt_tokens": 7}
        return 200, {"data": [{"index": 0, "data": found}], "usage": usage}, {}


@pytest.fixture
def reward(http_stub: Callable[..., HttpStub], quick: None) -> Callable[..., Rewards]:
    """What the server gives to the answer "ab\\ncd", asked by an engine of its own."""

    def ask(server: Any, *, model: Path | None = None, **asked: Any) -> Rewards:
        url, options = http_stub(server).url, {"patience": 0.1, "timeout": 5}
        named = {} if model is None else {"model": str(model)}
        binding = Binding(engine="openai", url=url, served_as="m", options=options, **named)

        async def called() -> Rewards:
            engine = open_engine(binding)
            try:
                return await engine.reward(engine.render(QUESTION), "ab\ncd", **asked)
            finally:
                await engine.close()

        return asyncio.run(called())

    return ask


def test_an_answer_is_sent_as_messages_and_its_logit_is_its_reward(reward: Any) -> None:
    server = PoolingServer(lambda body: [1.5])
    assert reward(server) == Rewards((1.5,), 7)
    (asked,) = server.asked
    assert asked["messages"] == [*QUESTION, {"role": "assistant", "content": "ab\ncd"}]
    assert asked["use_activation"] is False


def test_where_the_weights_are_known_their_tokens_are_sent(reward: Any, tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    server = PoolingServer(lambda body: [-0.25])
    found = reward(server, model=tiny_model)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    text = "<|user|>How many?<|end|><|assistant|>ab\ncd<|end|>"
    assert server.asked[0]["input"] == tokenizer(text)["input_ids"]
    assert found == Rewards((-0.25,), len(server.asked[0]["input"]))


def test_steps_are_read_at_their_last_tokens(reward: Any, tiny_model: Path) -> None:
    server = PoolingServer(lambda body: [[float(at)] for at in range(len(body["input"]))])
    found = reward(server, model=tiny_model, step_ends=ENDS)
    last = len(server.asked[0]["input"]) - 1
    logits = [last - 2, last]
    assert found.values == pytest.approx([1 / (1 + 2.718281828**-at) for at in logits], abs=1e-6)


def test_steps_need_the_tokenizer(reward: Any) -> None:
    with pytest.raises(EngineError, match="tokenizer"):
        reward(PoolingServer(lambda body: [1.0]), step_ends=ENDS)


def test_what_the_server_refuses_is_one_rows_fault(reward: Any) -> None:
    with pytest.raises(RowError, match="too long"):
        reward(PoolingServer(lambda body: "too long"))


def test_an_answer_on_which_the_server_fails_is_one_rows_fault(reward: Any) -> None:
    def logits(body: dict[str, Any]) -> list[float] | None:
        return None if body["messages"][-1]["content"] == "ab\ncd" else [1.0]

    with pytest.raises(RowError, match="answers other prompts"):
        reward(PoolingServer(logits))


def test_a_model_of_another_kind_is_refused(reward: Any, tiny_model: Path) -> None:
    with pytest.raises(EngineError, match="one label"):
        reward(PoolingServer(lambda body: [0.1, 0.9]))
    with pytest.raises(EngineError, match="token_classify"):
        reward(PoolingServer(lambda body: [0.1]), model=tiny_model, step_ends=ENDS)


def test_a_server_that_only_generates_is_told_apart(reward: Any) -> None:
    def server(method: str, path: str, body: Any, headers: Any) -> Any:
        found = {"data": [{"id": "m"}]} if method == "GET" else {"detail": "Not Found"}
        return (200 if method == "GET" else 404), found, {}

    with pytest.raises(EngineError, match="classification model"):
        reward(server)


def test_a_server_leaves_no_activations_out(reward: Any) -> None:
    with pytest.raises(EngineError, match="no dropout"):
        reward(PoolingServer(lambda body: [1.0]), dropout=Dropout(0.1, 0))
