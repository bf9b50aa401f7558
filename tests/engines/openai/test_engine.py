"""A served model, against a server of the test's own that answers well, badly or not at all."""

import asyncio
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engines.bindings import Binding
from engines.openai.engine import OpenAIEngine
from engines.protocol import EngineError, Sampling
from tests.engines.provider import MESSAGES, Provider, ask, binding, error

pytestmark = pytest.mark.usefixtures("quick")


KEY = "sk-very-secret-key-0123456789"


def test_an_answer_has_text_finish_and_logprobs(url: str) -> None:
    answer = ask(binding(url))
    assert (answer.text, answer.finish) == ("seven", "stop")
    assert answer.logprobs == (-0.5,) * 5
    assert answer.token_ids == ()


def test_all_that_decides_the_sample_reaches_the_server(provider: Provider, url: str) -> None:
    sampling = Sampling(temperature=0.7, top_p=0.9, top_k=40, max_tokens=33, stop=("\n\n",))
    ask(binding(url, options={"body": {"reasoning_effort": "low"}}), sampling, seed=2**63 + 11)
    sent = provider.posts[0]
    assert sent["messages"] == MESSAGES
    assert (sent["model"], sent["temperature"], sent["top_p"]) == ("m", 0.7, 0.9)
    assert (sent["top_k"], sent["max_tokens"], sent["stop"]) == (40, 33, ["\n\n"])
    assert sent["seed"] == 11
    assert sent["reasoning_effort"] == "low"


def test_a_provider_is_sent_nothing_that_is_off(provider: Provider, url: str) -> None:
    ask(binding(url))
    assert not {"top_k", "stop", "min_p", "return_token_ids"} & provider.posts[0].keys()


def test_vllm_takes_no_default_from_generation_config(http_stub: Callable[..., Any]) -> None:
    provider = Provider(owned_by="vllm", max_model_len=64)
    answer = ask(binding(http_stub(provider).url), Sampling(max_tokens=4096))
    sent = provider.posts[0]
    assert (sent["top_k"], sent["min_p"], sent["repetition_penalty"]) == (0, 0.0, 1.0)
    assert sent["max_tokens"] == 64
    assert answer.token_ids == tuple(map(ord, "seven"))


CALLED = {"name": "look", "arguments": '{"at": "<|im_end|>"}'}

LOOKED: list[Any] = [
    {**MESSAGES[-1], "tools": '[{"type": "function", "function": {"name": "look"}}]'},
    {"role": "assistant", "content": "", "reasoning": "Look.", "tool_calls": [CALLED]},
    {"role": "tool", "content": "a tree", "tool_call_id": "1"},
]


@pytest.mark.parametrize(("owner", "choice"), [("vllm", "none"), ("other", None)])
def test_tools_calls_and_thoughts_reach_the_server_as_it_knows_them(
    owner: str, choice: str | None, http_stub: Callable[..., Any]
) -> None:
    provider = Provider(owned_by=owner)
    ask(binding(http_stub(provider).url), messages=LOOKED)
    sent = provider.posts[0]
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["look"]
    assert sent.get("tool_choice") == choice
    asked, calling, given = sent["messages"]
    assert asked == MESSAGES[-1]
    assert calling["reasoning"] == calling["reasoning_content"] == "Look."
    assert calling["tool_calls"][0]["function"]["name"] == "look"
    assert "<|im_end|>" not in calling["tool_calls"][0]["function"]["arguments"]
    assert given == LOOKED[-1]


def test_a_begun_answer_is_continued_by_vllm_only(
    provider: Provider, url: str, http_stub: Callable[..., Any]
) -> None:
    begun = [*MESSAGES, {"role": "assistant", "content": "It is"}]
    with pytest.raises(EngineError, match="cannot continue an answer"):
        ask(binding(url), messages=begun)
    vllm = Provider(owned_by="vllm")
    ask(binding(http_stub(vllm).url), messages=begun)
    assert vllm.posts[0]["continue_final_message"] is True
    assert vllm.posts[0]["add_generation_prompt"] is False


def test_a_key_is_sent_and_never_shown(
    provider: Provider, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_KEY", KEY)
    bound = binding(url, api_key_env="OUR_KEY")
    engine = OpenAIEngine(bound)
    assert provider.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(engine) + repr(bound) + engine.revision
    for refusal in (
        error(401, f"Incorrect API key provided: {KEY}"),
        error(400, f"{KEY} may not"),
        (200, {"choices": KEY}, {}),
    ):
        provider.replies = [refusal] * 3
        with pytest.raises(EngineError) as caught:
            ask(bound)
        assert KEY not in "".join(traceback.format_exception(caught.value))
        assert "***" in str(caught.value)


def test_a_refused_key_is_an_error_at_once(
    provider: Provider, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.replies = [error(401, "who are you?")] * 2
    with pytest.raises(EngineError, match=r"refuses the key \(401\): who are you\?.*api_key_env"):
        ask(binding(url))
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(EngineError, match="set the environment variable NO_SUCH_KEY"):
        OpenAIEngine(binding(url, api_key_env="NO_SUCH_KEY"))


def test_no_key_of_another_place_is_sent(
    provider: Provider, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    ask(binding(url))
    assert not any(KEY in headers["authorization"] for headers in provider.headers)


def test_a_model_that_is_not_served(provider: Provider, url: str) -> None:
    provider.entry["id"] = "other"
    with pytest.raises(EngineError, match="does not serve 'm'; it serves 'other'"):
        OpenAIEngine(binding(url))
    provider.entry["id"] = "m"
    provider.replies = [error(404, "The model m does not exist")] * 2
    with pytest.raises(EngineError, match="it serves 'm'"):
        ask(binding(url))


def test_a_server_without_a_model_list_is_known_by_its_name(http_stub: Callable[..., Any]) -> None:
    provider = Provider()

    def unlisted(method: str, *request: Any) -> Any:
        return error(404, "no such page") if method == "GET" else provider(method, *request)

    assert ask(binding(http_stub(unlisted).url)).text == "seven"


def test_as_many_requests_as_allowed_and_no_more(http_stub: Callable[..., Any]) -> None:
    provider, together, most = Provider(), threading.Barrier(4), []
    waiting = threading.Semaphore(4)

    def slow(method: str, *request: Any) -> Any:
        if method == "POST":
            most.append(waiting.acquire(blocking=False))
            together.wait(timeout=30)
            waiting.release()
        return provider(method, *request)

    async def run() -> None:
        engine = OpenAIEngine(binding(http_stub(slow).url, concurrency=4))
        prompt = engine.render(MESSAGES)
        await asyncio.gather(*(engine.generate(prompt, Sampling(), n) for n in range(12)))
        await engine.close()

    asyncio.run(run())
    assert most == [True] * 12


def test_scoring_is_not_for_servers(url: str) -> None:
    async def run() -> None:
        engine = OpenAIEngine(binding(url))
        await engine.score(engine.render(MESSAGES), ["seven"], end=[True])

    with pytest.raises(EngineError, match="does not score"):
        asyncio.run(run())


def test_an_option_that_is_not_there(url: str) -> None:
    with pytest.raises(ValueError, match=r"options\.patient"):
        binding(url, options={"patient": 3})


def test_an_address_that_is_none() -> None:
    with pytest.raises(ValueError, match="must be an address such as http"):
        binding("localhost:8000/v1")


def test_a_key_among_the_options_is_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match=r"options\.api_key") as refused:
        binding(url, options={"api_key": "sk-0123456789abcdef"})
    assert "sk-0123456789abcdef" not in str(refused.value)
    assert refused.value.__cause__ is None


def revision(bound: Binding) -> str:
    return OpenAIEngine(bound).revision


def test_a_restarted_server_serves_the_same_model(
    provider: Provider, http_stub: Callable[..., Any]
) -> None:
    stub = http_stub(provider)
    before = revision(binding(stub.url))
    stub.stop()
    provider.entry |= {"created": 2, "permission": [{"id": "modelperm-77"}]}
    stub.start()
    assert revision(binding(stub.url, options={"patience": 1, "timeout": 3})) == before


def test_another_model_or_another_request_is_another_revision(
    provider: Provider, url: str, http_stub: Callable[..., Any]
) -> None:
    bodies = binding(url, options={"body": {"reasoning_effort": "low"}})
    seen = [revision(binding(url)), revision(bodies), revision(binding(http_stub(provider).url))]
    provider.entry["root"] = "/models/newer"
    seen.append(revision(binding(url)))
    assert len(set(seen)) == 4


def test_named_weights_are_one_model_wherever_they_are_served(
    provider: Provider, url: str, http_stub: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    moved = http_stub(provider).url
    weights = {"model": str(tmp_path)}
    assert revision(binding(url, **weights)) == revision(binding(moved, **weights))
    before = revision(binding(url, **weights))
    assert revision(binding(url)) != before
    (tmp_path / "model.safetensors").write_bytes(b"trained")
    assert revision(binding(url, **weights)) != before


def test_arguments_of_the_template_are_in_every_request_and_in_the_identity(
    provider: Provider, url: str
) -> None:
    off = {"enable_thinking": False}
    ask(binding(url, template_arguments=off))
    assert provider.posts[0]["chat_template_kwargs"] == off
    ask(binding(url))
    assert "chat_template_kwargs" not in provider.posts[1]
    revisions = [
        OpenAIEngine(binding(url, template_arguments=arguments)).revision
        for arguments in ({}, off, {"enable_thinking": True})
    ]
    assert len(set(revisions)) == 3
