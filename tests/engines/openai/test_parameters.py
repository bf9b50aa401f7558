"""A model that refuses part of a request is asked without it: found out once, told once."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from engines.openai.engine import OpenAIEngine
from engines.protocol import Generation, RowError, Sampling
from tests.engines.provider import Provider, ask, binding, error

pytestmark = pytest.mark.usefixtures("quick")

RULES = {"role": "system", "content": "Be brief."}
QUESTION = {"role": "user", "content": "How many?"}
UNLIKE = Sampling(temperature=0.7, top_p=0.9, top_k=40, max_tokens=33, stop=("v",))


def openai(message: str, param: str | None, code: str | None) -> Any:
    said = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return 400, {"error": said}, {}


def not_supported(field: str, instead: str = "") -> Any:
    message = f"Unsupported parameter: '{field}' is not supported with this model.{instead}"
    return openai(message, field, "unsupported_parameter")


REFUSALS: dict[str, tuple[str, Any]] = {
    "reasoning model's limit": (
        "max_tokens",
        not_supported("max_tokens", " Use 'max_completion_tokens' instead."),
    ),
    "reasoning model's temperature": (
        "temperature",
        openai(
            "Unsupported value: 'temperature' does not support 0.7 with this model. Only the "
            "default (1) value is supported.",
            "temperature",
            "unsupported_value",
        ),
    ),
    "stop": ("stop", not_supported("stop")),
    "an extra input": (
        "seed",
        (
            422,
            {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "seed"],
                        "msg": "Extra inputs are not permitted",
                    }
                ]
            },
            {},
        ),
    ),
    "a list of errors": (
        "seed",
        (400, [{"error": {"code": 400, "message": 'Unknown name "seed": Cannot find field.'}}], {}),
    ),
    "words only": ("top_k", openai("property 'top_k' is unsupported", None, None)),
    "plain text": ("top_k", (400, b"unknown field: top_k", {})),
    "forbidden": ("logprobs", error(403, "You are not allowed to request logprobs")),
    "in a 200": (
        "top_p",
        (200, {"error": {"code": 400, "message": "top_p is not supported"}}, {}),
    ),
}


class Picky(Provider):
    """Refuses each request that has one of ``fields``."""

    def __init__(self, *refusals: tuple[str, Any]) -> None:
        super().__init__()
        self.refusals = refusals

    def __call__(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        for field, refusal in self.refusals:
            if field in (body or {}):
                with self.lock:
                    self.posts.append(body)
                return refusal
        return super().__call__(method, path, body, headers)


def asked(url: str, times: int, **changes: Any) -> list[Generation]:
    async def run() -> list[Generation]:
        engine = OpenAIEngine(binding(url, **changes))
        prompt = engine.render([QUESTION])
        first = await engine.generate(prompt, UNLIKE, 0)
        rest = [engine.generate(prompt, UNLIKE, number) for number in range(1, times)]
        answers = [first, *await asyncio.gather(*rest)]
        await engine.close()
        return answers

    return asyncio.run(run())


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_what_a_model_refuses_is_left_out_from_then_on(
    refusal: tuple[str, Any], http_stub: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    picky = Picky(refusal)
    url = http_stub(picky).url
    assert len(asked(url, 6)) == 6
    assert len(picky.posts) == 7
    field = refusal[0]
    assert all(field not in post for post in picky.posts[1:])
    if field == "max_tokens":
        assert picky.posts[-1]["max_completion_tokens"] == 33
    others = picky.posts[0].keys() - {field, "max_tokens"}
    assert others <= picky.posts[-1].keys()
    told = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert len(told) == 1
    assert field in told[0].getMessage()
    asked(url, 2)  # another stage of the same process
    assert len(picky.posts) == 9


def test_several_refused_fields_are_found_out_one_by_one(http_stub: Callable[..., Any]) -> None:
    picky = Picky(*(REFUSALS[name] for name in list(REFUSALS)[:4]))
    assert len(asked(http_stub(picky).url, 5)) == 5
    assert len(picky.posts) == 9


def test_a_text_ends_where_a_model_that_knows_no_stop_was_told_to(
    http_stub: Callable[..., Any],
) -> None:
    first, second = asked(http_stub(Picky(REFUSALS["stop"])).url, 2)
    assert (first.text, first.logprobs, first.finish) == ("se", (), "stop")
    assert second == first


@pytest.mark.parametrize(
    "message",
    [
        "temperature must be between 0 and 1",
        "'max_tokens' or 'max_completion_tokens' is too large: 33. This model's maximum context "
        "length is 20 tokens and your request has 10 input tokens",
        "max_tokens is too large: 33. This model supports at most 16 completion tokens",
        "This prompt is not permitted. Please stop.",
    ],
)
def test_a_refused_value_or_prompt_costs_its_row_and_nothing_is_left_out(
    message: str, http_stub: Callable[..., Any]
) -> None:
    picky = Picky(("seed", openai(message, None, None)), ("model", openai(message, None, None)))
    url = http_stub(picky).url
    with pytest.raises(RowError, match="refuses the prompt"):
        ask(binding(url), UNLIKE)
    picky.refusals = ()
    ask(binding(url), UNLIKE)
    sent = picky.posts[-1]
    assert (sent["temperature"], sent["max_tokens"], sent["stop"]) == (0.7, 33, ["v"])


def test_what_the_user_adds_to_each_request_is_never_left_out(
    http_stub: Callable[..., Any],
) -> None:
    picky = Picky(("effort", openai("effort is not supported", "effort", None)))
    with pytest.raises(RowError, match="effort is not supported"):
        ask(binding(http_stub(picky).url, options={"body": {"effort": "low"}}))


def test_the_identity_is_what_was_asked_for(http_stub: Callable[..., Any]) -> None:
    url = http_stub(Picky(REFUSALS["stop"])).url
    before = OpenAIEngine(binding(url)).revision
    asked(url, 1)
    assert OpenAIEngine(binding(url)).revision == before


@pytest.mark.parametrize(
    "refusal",
    [
        error(400, "System role not supported"),
        (
            400,
            {"object": "error", "message": "Conversation roles must alternate user/assistant"},
            {},
        ),
        error(500, "System role not supported (jinja)"),
        openai(
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
            "messages[0].role",
            "unsupported_value",
        ),
        error(400, "Developer instruction is not enabled for models/small"),
    ],
)
def test_a_model_without_a_system_turn_hears_it_in_the_users(
    refusal: Any, http_stub: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    class NoSystem(Provider):
        def __call__(self, method: str, path: str, body: Any, headers: Any) -> Any:
            if body and body["messages"][0]["role"] == "system":
                self.posts.append(body)
                return refusal
            return super().__call__(method, path, body, headers)

    server = NoSystem()
    bound = binding(http_stub(server).url)
    for _ in range(3):
        assert ask(bound, messages=[RULES, QUESTION]).text == "seven"
    merged = [{"role": "user", "content": "Be brief.\n\nHow many?"}]
    assert [post["messages"] for post in server.posts[1:]] == [merged] * 3
    told = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert len(told) == 1
    ask(bound)
    assert server.posts[-1]["messages"][0]["content"] == "How many apples?"
