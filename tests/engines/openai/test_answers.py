"""Answers of a server in several shapes, with thought and log-probs or not; what costs a row."""

import asyncio
from typing import Any

import pytest

from engines.openai.engine import OpenAIEngine
from engines.protocol import Generation, RowError, Sampling
from tests.engines.provider import MESSAGES, NO_LOGPROBS, Provider, ask, binding, changed, error

pytestmark = pytest.mark.usefixtures("quick")


def test_a_refused_prompt_costs_its_row_only(provider: Provider, url: str) -> None:
    async def run() -> None:
        engine = OpenAIEngine(binding(url))
        prompt = engine.render(MESSAGES)
        provider.replies = [error(400, "maximum context length is 1024 tokens")]
        with pytest.raises(RowError, match=r"context length is 1024 .*a smaller max_tokens"):
            await engine.generate(prompt, Sampling(), 0)
        assert (await engine.generate(prompt, Sampling(), 0)).text == "seven"
        await engine.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "body", [b"<html>gateway</html>", {"choices": []}, {"choices": [{"message": 3}]}]
)
def test_what_is_no_answer_costs_its_row(provider: Provider, url: str, body: Any) -> None:
    provider.replies = [(200, body, {})] * 3
    with pytest.raises(RowError, match="gives no completion"):
        ask(binding(url))
    assert [post["messages"] for post in provider.posts[:3]] == [MESSAGES] * 3


@pytest.mark.parametrize("finish", ["content_filter", "tool_calls"])
def test_an_answer_that_is_none_costs_its_row(provider: Provider, url: str, finish: str) -> None:
    answer = provider.answer({})
    answer["choices"][0]["finish_reason"] = finish
    provider.replies = [(200, answer, {})]
    with pytest.raises(RowError, match=finish):
        ask(binding(url))


@pytest.mark.parametrize(
    ("finish", "tokens", "ended"),
    [
        ("eos", 5, "stop"),
        ("end_turn", None, "stop"),
        (None, 5, "stop"),
        (None, 256, "length"),
        ("whatever", 256, "length"),
        ("", None, "stop"),
        ("MAX_TOKENS", None, "length"),
        ("max_tokens", 3, "length"),
        (["odd"], 5, "stop"),
    ],
)
def test_a_text_is_kept_whatever_its_server_calls_the_end(
    finish: Any, tokens: int | None, ended: str, provider: Provider, url: str
) -> None:
    usage = None if tokens is None else {"completion_tokens": tokens}
    provider.replies = [changed(provider, {"finish_reason": finish}, usage=usage)]
    answer = ask(binding(url))
    assert (answer.text, answer.finish) == ("seven", ended)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": [{"type": "text", "text": "se"}, {"type": "text", "text": "ven"}]}, "seven"),
        ({"content": ["seven"]}, "seven"),
        ({"content": [{"type": "image_url", "image_url": {}}, {"type": "text"}]}, ""),
        ({"content": "seven", "tool_calls": [{"id": "1"}]}, "seven"),
        ({"content": "seven", "refusal": None, "tool_calls": None}, "seven"),
        ({"content": None}, ""),
    ],
)
def test_a_text_comes_in_several_shapes(
    message: Any, text: str, provider: Provider, url: str
) -> None:
    provider.replies = [changed(provider, {"message": message})]
    assert ask(binding(url)).text == text


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"content": None, "tool_calls": [{"id": "1"}]}, "ended its answer"),
        (
            {"content": "I look.", "tool_calls": [{"id": "1", "function": {"name": "look"}}]},
            r"calls tools \(look\)",
        ),
        ({"content": None, "refusal": "I had rather not"}, "I had rather not"),
    ],
)
def test_a_message_without_a_text_costs_its_row(
    message: Any, said: str, provider: Provider, url: str
) -> None:
    provider.replies = [changed(provider, {"message": message})]
    with pytest.raises(RowError, match=said):
        ask(binding(url))


@pytest.mark.parametrize("logprobs", NO_LOGPROBS)
def test_an_answer_without_its_logprobs_costs_no_other_its_own(
    logprobs: Any, provider: Provider, url: str
) -> None:
    async def run() -> list[Generation]:
        engine = OpenAIEngine(binding(url))
        prompt = engine.render(MESSAGES)
        provider.replies = [changed(provider, {"logprobs": logprobs})]
        answers = [await engine.generate(prompt, Sampling(), seed) for seed in range(2)]
        await engine.close()
        return answers

    first, second = asyncio.run(run())
    assert (first.text, first.logprobs) == ("seven", ())
    assert second.logprobs == (-0.5,) * 5
    assert len(provider.posts) == 2


@pytest.mark.parametrize(
    ("said", "known"), [(["sev"], False), (["sev", "en"], True), (["se", "ven", "<end>"], True)]
)
def test_logprobs_of_a_part_of_the_text_are_none(
    said: list[str], known: bool, provider: Provider, url: str
) -> None:
    tokens = [{"token": token, "logprob": -0.5} for token in said]
    provider.replies = [changed(provider, {"logprobs": {"content": tokens}})]
    assert ask(binding(url)).logprobs == ((-0.5,) * len(said) if known else ())


def test_alternatives_that_are_null_leave_the_logprobs(provider: Provider, url: str) -> None:
    tokens = [{"token": "seven", "logprob": -0.5, "top_logprobs": None}]
    provider.replies = [changed(provider, {"logprobs": {"content": tokens}})]
    assert ask(binding(url)).logprobs == (-0.5,)


def test_a_server_that_refuses_logprobs_still_writes(provider: Provider, url: str) -> None:
    provider.replies = [error(400, "logprobs is not supported with this model")]
    answer = ask(binding(url))
    assert (answer.text, answer.logprobs) == ("seven", ())


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_a_thought_that_the_server_tells_apart(provider: Provider, url: str, field: str) -> None:
    message = {"role": "assistant", "content": "seven", field: "three and four"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    provider.replies = [(200, {"choices": [choice], "usage": {"completion_tokens": 9}}, {})]
    answer = ask(binding(url))
    assert (answer.text, answer.reasoning, answer.tokens) == ("seven", "three and four", 9)


def test_a_thought_that_comes_as_a_part_of_the_content(provider: Provider, url: str) -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "three and four"}]},
        {"type": "text", "text": "seven"},
    ]
    choice = {"index": 0, "message": {"content": content}, "finish_reason": "stop"}
    provider.replies = [(200, {"choices": [choice], "usage": None}, {})]
    answer = ask(binding(url))
    assert (answer.text, answer.reasoning, answer.tokens) == ("seven", "three and four", 0)
