"""The value of a prefix: k continuations, or as many as decide; the same for whoever asks."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from engines.bindings import Binding
from engines.checks import BoundedCheck
from engines.model import Models
from engines.operators.rollouts import Adaptive, Estimate, Rollout, Rollouts, above_threshold
from engines.protocol import Generation, Rendered, Sampling
from engines.rows import Prompt
from engines.runtime.session import Session
from schemas import Message

PROMPT = Prompt("p", ({"role": "user", "content": "say"},), "7", "test")


def ends_in_seven(messages: Sequence[Message], reference: str | None, text: str) -> bool:
    if reference is None:
        raise ValueError("no reference")
    return text.endswith(reference)


CHECK = BoundedCheck("here", ends_in_seven, None)


@pytest.fixture
def estimate(stand: Any) -> Any:
    """Values a prefix with a model that says a digit, drawn by seed; those of ``bad`` prefixes are
    never a seven."""

    def context() -> Any:
        def opened(binding: Binding) -> Any:
            engine = stand.open(binding)

            async def generate(prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
                stand.asked.append((prompt.text, seed))
                digit = seed % 2 + (0 if "bad" in prompt.text else 6)
                ended = "endless" not in prompt.text
                return Generation(f" {digit}", (1,), (-0.1,), "stop" if ended else "length")

            engine.generate = generate
            return engine

        return stand.context(open_engine=opened)

    def ask(rollouts: Rollouts, *prefixes: str, row: str = "p", **more: Any) -> list[Estimate]:
        async def run() -> list[Estimate]:
            session = Session(context())
            model = Models(session, row)["policy"]
            prompt = more.pop("prompt", PROMPT)
            try:
                return [
                    await rollouts.estimate(prompt, prefix, model, CHECK, **more)
                    for prefix in prefixes
                ]
            finally:
                await session.close()

        return asyncio.run(run())

    return ask


def test_a_prefix_is_worth_the_share_of_its_continuations_that_end_right(
    estimate: Any, stand: Any
) -> None:
    (found,) = estimate(Rollouts(k=16), "so")
    assert found.generated == found.of == len(stand.asked) == 16
    assert found.right == sum(text.endswith("7") for text in found.texts)
    assert found.value == found.right / 16
    assert 0 < found.right < 16
    assert all(text.startswith("so ") for text in found.texts)


def test_an_empty_prefix_is_answered_like_the_prompt_itself(estimate: Any, stand: Any) -> None:
    estimate(Rollouts(k=1), "")
    assert stand.asked[0][0] == "user: say"


def test_who_asks_in_another_order_pays_nothing_and_finds_the_same(
    estimate: Any, stand: Any
) -> None:
    first = estimate(Rollouts(k=8), "a", "b", "c")
    paid = len(stand.asked)
    again = estimate(Rollouts(k=8), "c", "a", "b")
    assert len(stand.asked) == paid
    assert [again[1], again[2], again[0]] == first


def test_a_larger_k_keeps_what_a_smaller_one_drew(estimate: Any, stand: Any) -> None:
    (few,) = estimate(Rollouts(k=3), "a")
    (many,) = estimate(Rollouts(k=5), "a")
    assert many.texts[:3] == few.texts
    assert len(stand.asked) == 5


def test_prefixes_have_seeds_of_their_own(estimate: Any, stand: Any) -> None:
    estimate(Rollouts(k=4), "a", "b")
    assert len({seed for _, seed in stand.asked}) == 8


def test_a_whole_answer_is_checked_and_not_continued(estimate: Any, stand: Any) -> None:
    right, wrong = estimate(Rollouts(), "it is 7", "it is 6", ended=True)
    assert (right.value, wrong.value) == (1.0, 0.0)
    assert (right.texts, right.generated, right.of) == (("it is 7",), 0, 1)
    assert not stand.asked


def test_a_reference_that_says_nothing_gives_no_value_and_says_why(estimate: Any) -> None:
    silent = Prompt("p", PROMPT.messages, None, "test")
    (found,) = estimate(Rollouts(k=2), "a", prompt=silent)
    assert found.value is None
    assert found.error == "reference unparseable: no reference"


def test_continuations_end_when_they_decide(estimate: Any, stand: Any) -> None:
    adaptive = Adaptive(threshold=0.2, confidence=0.9, batch=2)
    bad, good = estimate(Rollouts(k=16, adaptive=adaptive), "bad", "good")
    assert bad.right == 0
    # 0.8 to the power n + 2 is under 0.1 from n = 9 on.
    assert bad.generated == 10
    assert good.generated < 16
    assert good.value > 0.2
    assert len(stand.asked) == bad.generated + good.generated
    (whole,) = estimate(Rollouts(k=16), "good")
    assert whole.texts[: good.generated] == good.texts


def test_by_default_three_of_four_decide_and_none_of_nine() -> None:
    decided = Adaptive().decided
    assert [decided(3, 4), decided(0, 9)] == [True, True]
    assert [decided(1, 4), decided(2, 4), decided(0, 8), decided(1, 9)] == [False] * 4


def test_no_more_are_asked_for_once_enough_ended_right(estimate: Any) -> None:
    (far,) = estimate(Rollouts(k=16, adaptive=Adaptive()), "good")
    (near,) = estimate(Rollouts(k=16, adaptive=Adaptive(), enough=1), "good")
    assert near.right == 1
    assert near.generated < far.generated
    assert far.texts[: near.generated] == near.texts


def test_a_value_near_the_threshold_takes_all_of_them(estimate: Any) -> None:
    near = Adaptive(threshold=0.5, confidence=0.999)
    (found,) = estimate(Rollouts(k=7, adaptive=near), "so")
    assert found.generated == 7


@given(st.integers(0, 20), st.integers(0, 20), st.floats(0.01, 0.99))
def test_the_probability_is_that_of_the_beta_posterior(
    right: int, wrong: int, threshold: float
) -> None:
    found = above_threshold(right, right + wrong, threshold)
    assert found == pytest.approx(stats.beta(1 + right, 2 + wrong).sf(threshold), abs=1e-9)


def test_unchecked_rollouts_are_neither_right_nor_wrong() -> None:
    found = Estimate((Rollout("a", True), Rollout("b", None, error="hung"), Rollout("c", False)), 3)
    assert (found.right, found.of, found.value, found.error) == (1, 2, 0.5, None)


def test_a_continuation_that_was_cut_off_is_neither_right_nor_wrong(estimate: Any) -> None:
    (found,) = estimate(Rollouts(k=4), "endless")
    assert (found.of, found.value, found.error) == (0, None, "cut off at 1 tokens")
    assert {one.finish for one in found.rollouts} == {"length"}
    (read,) = estimate(Rollouts(k=4, cut="read"), "endless")
    assert read.of == 4
