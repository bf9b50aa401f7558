"""Choices of a served model, from the log-probs of first tokens or of whole options."""

import asyncio
import math
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from engines.choices import exact
from engines.openai.engine import OpenAIEngine
from engines.protocol import Choice, EngineError, RowError
from tests.engines.provider import MESSAGES, NO_LOGPROBS, Provider, binding, changed, choose, error

pytestmark = pytest.mark.usefixtures("quick")


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
