"""A served model, against a server of the test's own that answers well, badly or not at all."""

import asyncio
import logging
import math
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from engines.bindings import Binding
from engines.choices import exact
from engines.openai.engine import OpenAIEngine
from engines.protocol import Choice, EngineError, Generation, RowError, Sampling, UnavailableError
from tests.engines.provider import MESSAGES, Provider, ask, binding, choose, error

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


def test_a_refused_prompt_costs_its_row_only(provider: Provider, url: str) -> None:
    async def run() -> None:
        engine = OpenAIEngine(binding(url))
        prompt = engine.render(MESSAGES)
        provider.replies = [error(400, "maximum context length is 1024 tokens")]
        with pytest.raises(RowError, match="maximum context length is 1024 tokens"):
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


def changed(provider: Provider, choice: dict[str, Any], **reply: Any) -> Any:
    """The provider's answer with other fields."""
    answer = provider.answer({"logprobs": True})
    answer["choices"][0] |= choice
    return 200, answer | reply, {}


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


def test_alternatives_that_are_null_leave_the_logprobs(provider: Provider, url: str) -> None:
    tokens = [{"token": "seven", "logprob": -0.5, "top_logprobs": None}]
    provider.replies = [changed(provider, {"logprobs": {"content": tokens}})]
    assert ask(binding(url)).logprobs == (-0.5,)


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


def test_a_server_that_refuses_logprobs_still_writes(provider: Provider, url: str) -> None:
    provider.replies = [error(400, "logprobs is not supported with this model")]
    answer = ask(binding(url))
    assert (answer.text, answer.logprobs) == ("seven", ())


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


# What identifies a served model


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


# Choosing


def listing(provider: Provider, likely: dict[str, float]) -> None:
    listed = [{"token": token, "logprob": math.log(share)} for token, share in likely.items()]
    answer = provider.answer({})
    answer["choices"][0]["logprobs"] = {"content": [{**listed[0], "top_logprobs": listed}]}
    provider.replies = [(200, answer, {})]


def test_a_choice_is_a_distribution_over_the_options(provider: Provider, url: str) -> None:
    listing(provider, {"Yes": 0.5, " Yes": 0.1, "Maybe": 0.1, "N": 0.2, "Nobody": 0.05})
    chosen = choose(binding(url), ["Yes", "No"])
    assert [*map(math.exp, chosen.logprobs)] == pytest.approx([0.6 / 0.8, 0.2 / 0.8])
    assert chosen.mass == pytest.approx(0.8)
    assert provider.posts[0]["top_logprobs"] == 20


def test_an_option_that_is_not_listed_has_the_least_listed(provider: Provider, url: str) -> None:
    listing(provider, {"A": 0.9, "Both": 0.02})
    chosen = choose(binding(url), ["A", "B"])
    assert math.exp(chosen.logprobs[1]) == pytest.approx(0.02 / 0.92)
    assert chosen.mass == pytest.approx(0.9)


def test_the_tokens_of_all_spellings_count(provider: Provider, url: str) -> None:
    listing(provider, {"yes": 0.3, "No": 0.2, " YES": 0.1, "**": 0.1, "n": 0.05})
    chosen = choose(binding(url), ["Yes", "No"], spelled=True)
    assert chosen.mass == pytest.approx(0.65)
    assert math.exp(chosen.logprobs[0]) == pytest.approx(0.4 / 0.65)


@pytest.mark.parametrize(
    ("likely", "options"),
    [
        ({"Response": 0.9}, ["Response A", "Response B"]),
        ({"1": 0.9, "2": 0.1}, ["1", "10"]),
        ({"Well": 0.9}, ["yes", "no"]),
    ],
)
def test_no_choice_is_made_up(
    provider: Provider, url: str, likely: dict[str, float], options: list[str]
) -> None:
    listing(provider, likely)
    with pytest.raises(RowError):
        choose(binding(url), options)


def test_a_token_tells_options_apart_where_the_longer_is_one_too(
    provider: Provider, url: str
) -> None:
    listing(provider, {"10": 0.6, "1": 0.2, "9": 0.1})
    ten, one = choose(binding(url), ["10", "1"]).logprobs
    assert math.exp(ten - one) == pytest.approx(3.0)


def test_a_server_without_logprobs_cannot_choose(provider: Provider, url: str) -> None:
    silent = provider.answer({})
    for reply in [(200, silent, {}), error(400, "logprobs are not supported")]:
        provider.replies = [reply]
        with pytest.raises(EngineError, match="gives no log-probs") as caught:
            choose(binding(url), ["yes", "no"])
        assert not isinstance(caught.value, RowError)


@pytest.mark.parametrize("logprobs", NO_LOGPROBS)
def test_one_choice_without_logprobs_costs_its_row(
    logprobs: Any, provider: Provider, url: str
) -> None:
    tops = [{"token": "yes", "logprob": -0.1, "top_logprobs": None}]

    async def run() -> Choice:
        engine = OpenAIEngine(binding(url))
        prompt = engine.render(MESSAGES)
        for silent in (logprobs, {"content": tops}):
            listing(provider, {"yes": 0.9, "no": 0.1})
            provider.replies.insert(0, changed(provider, {"logprobs": silent}))
            with pytest.raises(RowError):
                await engine.choose(prompt, exact(["yes", "no"]))
            provider.replies = []
        listing(provider, {"yes": 0.9, "no": 0.1})
        chosen = await engine.choose(prompt, exact(["yes", "no"]))
        await engine.close()
        return chosen

    assert math.exp(asyncio.run(run()).logprobs[0]) == pytest.approx(0.9)


def test_an_option_whose_logprob_is_null_is_not_made_up(provider: Provider, url: str) -> None:
    tops = [{"token": "yes", "logprob": None}, {"token": "no", "logprob": -1.0}]
    tokens = [{"token": "yes", "logprob": None, "top_logprobs": tops}]
    provider.replies = [changed(provider, {"logprobs": {"content": tokens}})]
    with pytest.raises(RowError, match="no log-prob of 'yes'"):
        choose(binding(url), ["yes", "no"])


class LetterModel(Provider):
    """vLLM serving a model of letters: the next is as likely as a table says, by what precedes."""

    table: ClassVar = {"": {"a": 0.5, "b": 0.25}, "a": {"b": 0.5, "c": 0.125}, "b": {"a": 0.1}}

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        begun = body.get("prompt", [])
        wanted = body.get("logprob_token_ids", [])
        row = self.table["".join(map(chr, begun[1:]))] if wanted else {}
        shares = {f"token_id:{token}": math.log(row[chr(token)]) for token in wanted}
        if "messages" not in body:
            spelled = [ord(letter) for letter in begun] if isinstance(begun, str) else begun
            logprobs = {"top_logprobs": [shares]}
            return {"choices": [{"prompt_token_ids": spelled, "logprobs": logprobs, "text": ""}]}
        tops = [{"token": token, "logprob": value} for token, value in shares.items()]
        answer = super().answer(body)
        answer["choices"][0]["logprobs"] = {"content": [{**tops[0], "top_logprobs": tops}]}
        return {**answer, "prompt_token_ids": [0]}


def test_vllm_is_asked_for_whole_options(http_stub: Callable[..., Any]) -> None:
    model = LetterModel(owned_by="vllm")
    chosen = choose(binding(http_stub(model).url), ["ab", "ac", "ba"])
    whole = [0.5 * 0.5, 0.5 * 0.125, 0.25 * 0.1]
    assert [math.exp(value) for value in chosen.logprobs] == pytest.approx(
        [share / sum(whole) for share in whole]
    )
    assert chosen.mass == pytest.approx(sum(whole))


def test_single_tokens_cost_vllm_one_request_a_choice(http_stub: Callable[..., Any]) -> None:
    model = LetterModel(owned_by="vllm")

    async def run() -> list[Choice]:
        engine = OpenAIEngine(binding(http_stub(model).url))
        prompt = engine.render(MESSAGES)
        chosen = [await engine.choose(prompt, exact(["a", "b"])) for _ in range(3)]
        await engine.close()
        return chosen

    assert math.exp(asyncio.run(run())[2].logprobs[0]) == pytest.approx(2 / 3)
    assert len([post for post in model.posts if "messages" in post]) == 3
    assert len(model.posts) == 5


@pytest.mark.parametrize("options", [["yes", "yes"], ["yes", ""]])
def test_options_must_differ(url: str, options: list[str]) -> None:
    with pytest.raises(RowError, match="must differ"):
        choose(binding(url), options)


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
