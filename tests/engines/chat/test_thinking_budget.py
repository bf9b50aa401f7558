"""A model that thinks: budgets for the thought and the answer, and what is scored after a thought.

The template is of the kind of Qwen3's; the weights are random, so a thought hardly ever ends.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from annotators import Judge, Likelihood
from engines.bindings import Binding
from engines.chat.template import chat_text, prompt_ids, thought_form
from engines.chat.thinking_budget import joined, of_thought, tokens_left
from engines.local.engine import TransformersEngine
from engines.model import Models, SampledText, thinking_before
from engines.protocol import EngineError, Generation, Marks, Rendered, RowError, Sampling
from engines.weights import chat_tokenizer
from generators import Fixed
from schemas import Message
from tests.checkout import PROJECT
from tests.engines.test_model import ask, run
from trainers.training.tokenization import Reader

ASKED: list[Message] = [{"role": "user", "content": "Hello"}]
HEADER = "<|im_start|>user\nHello<|end|>\n<|im_start|>assistant\n"
FORM = Marks("<think>\n", "\n</think>\n\n")
TEMPLATE = PROJECT / "tests" / "templates" / "thinking.jinja"


@pytest.fixture(scope="module")
def thinker(make_tiny_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with a template of the kind of Qwen3's."""
    from transformers import AutoTokenizer

    folder = make_tiny_model(tmp_path_factory.mktemp("thinker"), positions=2048)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE.read_text()
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tokenizer(thinker: Path) -> Any:
    return chat_tokenizer(Binding(model=str(thinker)))


@pytest.fixture
def thinking(stand: Any, thinker: Path) -> Callable[..., Any]:
    """Contexts whose policy is the model that thinks, with arguments of its template."""

    def context(**arguments: Any) -> Any:
        binding = Binding(
            model=str(thinker), device="cpu", dtype="float32", template_arguments=arguments
        )
        return stand.context(roles={"policy": binding}, open_engine=TransformersEngine)

    return context


def test_the_template_says_what_it_writes_around_a_thought(tokenizer: Any) -> None:
    assert thought_form(tokenizer) == FORM
    assert thought_form(tokenizer, {"enable_thinking": False}) is None


def test_an_answer_that_is_begun_follows_its_thought_or_an_empty_one(tokenizer: Any) -> None:
    begun = [*ASKED, {"role": "assistant", "content": "Answer:"}]
    assert chat_text(tokenizer, ASKED) == HEADER
    assert chat_text(tokenizer, begun) == HEADER + "<think>\n\n</think>\n\nAnswer:"
    thought = thinking_before(begun, "hm")
    assert chat_text(tokenizer, thought) == HEADER + "<think>\nhm\n</think>\n\nAnswer:"
    own = [*ASKED, {"role": "assistant", "content": "<think>\nhm"}]
    assert chat_text(tokenizer, own) == HEADER + "<think>\nhm"
    off = chat_text(tokenizer, begun, {"enable_thinking": False})
    assert off == HEADER + "<think>\n\n</think>\n\nAnswer:"


def test_a_template_without_thoughts_refuses_one(tiny_model: Path) -> None:
    plain = chat_tokenizer(Binding(model=str(tiny_model)))
    with pytest.raises(RowError, match="no place for a thought"):
        chat_text(plain, thinking_before(ASKED, "hm"))


def test_a_thought_beyond_its_budget_is_closed_and_the_answer_follows(
    thinking: Callable[..., Any],
) -> None:
    sampling = Sampling(max_tokens=5, max_thinking_tokens=8)

    async def work(models: Models) -> list[SampledText]:
        return await models.policy.generate(ASKED, n=3, sampling=sampling)

    (texts,), usage = run(work, thinking(opens_thought=True))
    assert usage.model_calls == 6
    for text in texts:
        assert text.reasoning
        assert "think>" not in text.text
        assert len(text.token_ids) == len(text.logprobs) <= 13
        assert text.sampling == sampling
    assert usage.lengths[8].texts == usage.lengths[5].texts == 3
    again, usage = run(work, thinking(opens_thought=True))
    assert (again, usage.model_calls, usage.journal_hits) == ([texts], 0, 6)


def test_a_model_that_does_not_think_has_one_budget(thinking: Callable[..., Any]) -> None:
    async def work(models: Models) -> list[SampledText]:
        return await models.policy.generate(
            ASKED, sampling=Sampling(max_tokens=9, max_thinking_tokens=4)
        )

    ((text,),), usage = run(work, thinking())
    assert (text.reasoning, len(text.token_ids), usage.model_calls) == (None, 9, 2)
    ((text,),), usage = run(work, thinking(enable_thinking=False))
    assert (text.reasoning, len(text.token_ids), usage.model_calls) == (None, 9, 1)


def test_a_thought_that_is_begun_goes_on_as_text(thinking: Callable[..., Any]) -> None:
    async def work(models: Models) -> list[SampledText]:
        begun = [*ASKED, {"role": "assistant", "content": "<think>\nfirst\n"}]
        return await models.policy.generate(begun, sampling=Sampling(max_tokens=9))

    ((text,),) = ask(work, thinking())
    assert (text.reasoning, bool(text.text)) == (None, True)


def test_a_budget_on_a_server_is_refused_with_what_to_do(stand: Any) -> None:
    async def work(models: Models) -> list[SampledText]:
        return await models.policy.generate(ASKED, sampling=Sampling(max_thinking_tokens=8))

    with pytest.raises(EngineError, match="options"):
        ask(work, stand.context())


@pytest.mark.parametrize(
    ("thought", "left"),
    [
        (Generation("", (1,) * 8, (), "length", reasoning="hm"), 20),
        (Generation("", (1,) * 3, (), "stop", reasoning="hm"), 20),
        (Generation("", (), (), "stop", reasoning=""), 20),
        (Generation("4", (1,) * 5, (), "stop", reasoning="hm"), 0),
        (Generation("4", (1,) * 5, (), "stop"), 0),
        (Generation("It is", (1,) * 8, (), "length"), 12),
        (Generation("It is", (1,) * 30, (), "length"), 0),
    ],
)
def test_how_much_of_an_answer_may_follow_a_thought(thought: Generation, left: int) -> None:
    assert tokens_left(thought, Sampling(max_tokens=20, max_thinking_tokens=8)) == left


def test_a_thought_stops_where_it_closes() -> None:
    budget = Sampling(max_tokens=20, max_thinking_tokens=8, stop=("END",), pattern="a")
    prompt = Rendered((), HEADER, thought=FORM)
    assert of_thought(budget, prompt) == Sampling(max_tokens=8, stop=("END", "</think>"))
    one = joined(
        Generation("", (1, 2), (-1.0, -2.0), "length", reasoning="hm"),
        Generation("4", (3,), (-3.0,), "stop"),
    )
    assert (one.reasoning, one.text, one.finish) == ("hm", "4", "stop")
    assert (one.token_ids, one.logprobs, one.tokens) == ((1, 2, 3), (-1.0, -2.0, -3.0), 3)


def test_an_answer_is_scored_and_chosen_after_its_thought(thinking: Callable[..., Any]) -> None:
    async def work(models: Models) -> dict[str, Any]:
        policy = models.policy
        texts = ["yes", "<think>\nhm\n</think>\n\nyes"]
        silent, whole = await policy.score(ASKED, texts)
        thought = thinking_before(ASKED, "hm")
        (given,) = await policy.score(thought, ["yes"])
        first = await policy.choose(ASKED, ["a", "b"])
        second = await policy.choose(thought, ["a", "b"])
        return {
            "silent": silent,
            "given": given,
            "whole": whole,
            "choices": (first.logprobs, second.logprobs),
        }

    (found,) = ask(work, thinking())
    count = len(found["given"].token_ids)
    assert found["silent"].token_ids == found["given"].token_ids
    assert found["silent"].logprobs != found["given"].logprobs
    # The answer's tokens are as likely after a given thought as after the same scored thought.
    assert found["whole"].token_ids[-count:] == found["given"].token_ids
    assert found["whole"].logprobs[-count:] == pytest.approx(found["given"].logprobs, abs=1e-4)
    assert found["choices"][0] != found["choices"][1]


@pytest.mark.parametrize("thought", ["", "hm"])
def test_what_is_trained_is_what_the_template_writes(tokenizer: Any, thought: str) -> None:
    answered = [*ASKED, {"role": "assistant", "content": "yes", "reasoning_content": thought}]
    written = tokenizer.apply_chat_template(answered, tokenize=False).removesuffix("\n")
    reader = Reader(tokenizer, tokenizer.eos_token_id)
    text = f"<think>\n{thought}\n</think>\n\nyes" if thought else "yes"
    trained = reader.prompt(ASKED, text) + reader.answer(text)
    assert trained == prompt_ids(tokenizer, written)


def answered(stand: Any, *texts: str) -> dict[str, pl.DataFrame]:
    prompts = stand.prompts("Hello")
    responses = Fixed(texts=texts).run({"prompts": prompts}, stand.context()).kept
    return {"prompts": prompts, "responses": responses}


def test_a_likelihood_is_after_the_thought_of_the_response(
    stand: Any, thinking: Callable[..., Any]
) -> None:
    tables = answered(stand, "yes", "yes")
    thoughts = pl.Series("reasoning", ["hm", None], dtype=pl.String)
    tables["responses"] = tables["responses"].with_columns(thoughts)
    silent = Likelihood().run(tables, thinking()).kept
    after = Likelihood(after_thoughts=True).run(tables, thinking()).kept
    assert silent["value"].n_unique() == 1
    assert after["value"][0] != silent["value"][0]
    assert after["value"][1] == silent["value"][1]
    parameters = after["origin"].struct.field("parameters").to_list()
    assert json.loads(parameters[0]) == {"normalise": "sum", "after_thoughts": True}


def test_a_judge_thinks_before_it_chooses(stand: Any, thinker: Path) -> None:
    binding = Binding(model=str(thinker), device="cpu", dtype="float32")
    context = stand.context(roles={"judge": binding}, open_engine=TransformersEngine)
    judge = Judge(probes="off", max_thinking_tokens=4)
    assert {need for use in judge.roles() for need in use.needs} == {"generate", "choose"}
    split = judge.run(answered(stand, "yes"), context)
    assert split.kept["value"].null_count() == 0
    assert split.report.usage.lengths[4].texts == 1
