"""Rewards of tokens: against a slow version, and equal to whole rewards on the last token."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import TokenScores, rows
from tests.trainers.samples import GROUPS, ORIGIN, sampled, scores
from tests.trainers.slow import moved
from trainers import PolicyGradient
from trainers.policy_gradient.advantages import advantages

Learners = Callable[..., Any]
WHOLE: dict[str, Any] = {"rewards": [], "step_rewards": [], "token_rewards": [], "baseline": None}


def of_tokens(
    responses: pl.DataFrame,
    values: dict[str, list[float]],
    *,
    ended: bool = True,
    annotator: str = "test",
    shift: int = 0,
) -> pl.DataFrame:
    """Scores of one token a character, the last of ``values`` being that of the end."""
    found = []
    for response_id, text in responses.select("response_id", "text").iter_rows():
        *inner, last = values[response_id]
        scored = {"values": inner, "end_value": last} if ended else {"values": [*inner, last]}
        places = {"token_ends": [n + 1 + shift for n in range(len(text))], "tokenizer": "t"}
        known = {"response_id": response_id, "annotator": annotator, "origin": ORIGIN}
        found.append({**known, **places, **scored})
    return rows(TokenScores, found)


def on_the_end(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The whole rewards, as those of the tokens that end the turns."""
    rewards = dict(tables["scores"].select("response_id", "value").iter_rows())
    texts = dict(tables["responses"].select("response_id", "text").iter_rows())
    return of_tokens(
        tables["responses"], {each: [0.0] * len(texts[each]) + [rewards[each]] for each in texts}
    )


def slow(rewards: list[float], tokens: list[list[float]], advantage: str, scale: bool) -> Any:
    """Response by response and token by token, as `trainers.PolicyGradient` says."""
    everyone = range(len(rewards))
    returned = [[rewards[i] + sum(tokens[i][t:]) for t in range(len(tokens[i]))] for i in everyone]
    mean = np.mean([of[0] for of in returned])
    squares = sum(float(np.mean([(g - mean) ** 2 for g in of])) for of in returned)
    divisor = (squares / (len(rewards) - 1)) ** 0.5 + 1e-4 if scale else 1.0
    base = [
        mean if advantage == "group" else np.mean([returned[j][0] for j in everyone if j != i])
        for i in everyone
    ]
    return [[(g - base[i]) / divisor for g in returned[i]] for i in everyone]


numbers = st.floats(-2, 2).map(lambda x: round(x, 2))
lists = st.lists(
    st.tuples(numbers, st.lists(numbers, min_size=2, max_size=5)), min_size=2, max_size=5
)


@given(lists, st.sampled_from(["group", "leave_one_out"]), st.booleans(), st.randoms())
def test_returns_of_tokens_are_those_of_the_slow_version(
    group: Any, advantage: Any, scale: bool, random: Any
) -> None:
    tables = sampled([[("x" * (len(tokens) - 1), reward) for reward, tokens in group]])
    frame = tables["responses"]
    values = {f"a{n}": tokens for n, (_, tokens) in enumerate(group)}
    half = {each: [v / 2 for v in tokens] for each, tokens in values.items()}
    # Two annotators of one stage, averaged, and a second stage of weight 1.
    both = pl.concat([of_tokens(frame, values), of_tokens(frame, values, annotator="other")])
    order = random.sample(range(frame.height), frame.height)
    given = {
        **WHOLE,
        "rewards": [(tables["scores"], 1.0)],
        "token_rewards": [(both, 0.5), (of_tokens(frame, half), 1.0)],
        "advantage": advantage,
        "scale": scale,
    }
    table = advantages(frame[order], **given)
    assert table.equals(advantages(frame, **given))
    expected = slow([r for r, _ in group], [t for _, t in group], advantage, scale)
    if table["reason"].is_null().all():
        for ours, theirs in zip(table["advantages"], expected, strict=True):
            assert ours.to_list() == pytest.approx(theirs, rel=1e-4, abs=1e-5)
    else:
        assert set(table["reason"]) == {"all responses of its prompt have the same return"}


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("advantage", ["group", "leave_one_out"])
def test_a_reward_on_the_last_token_is_the_reward_of_the_whole(
    advantage: Any, scale: bool, learner_for: Learners
) -> None:
    tables = sampled()
    tables["tokens"] = on_the_end(tables)
    found = []
    for rewarded in ({"rewards": {"scores": 1.0}}, {"token_rewards": {"tokens": 1.0}}):
        trainer = PolicyGradient(of="responses", advantage=advantage, scale=scale, **rewarded)
        learner = learner_for(trainer, trainer.gather(tables).sort("response_id"))
        moved(learner)
        loss = learner.compute_loss(
            learner.model, learner.data_collator(list(learner.train_dataset))
        )
        found.append(([each["advantages"] for each in learner.train_dataset], float(loss.detach())))
    (whole, loss), (tokens, token_loss) = found
    for one, other in zip(whole, tokens, strict=True):
        assert other == pytest.approx(one, rel=1e-5, abs=1e-6)
    assert token_loss == pytest.approx(loss, rel=1e-5)


def test_the_value_of_the_prompt_is_the_baseline_of_all_tokens() -> None:
    tables = sampled([(("xx", 1.0), ("x", 0.0))])
    values = scores({"a0": {-1: 0.5, 0: 0.75}, "a1": {-1: 0.25}})
    given = {"rewards": [(tables["scores"], 1.0)], "advantage": "group", "scale": False}
    of = of_tokens(tables["responses"], {"a0": [1.0, 0.0, 0.0], "a1": [0.0, 2.0]})
    table = advantages(
        tables["responses"],
        **{**WHOLE, **given, "token_rewards": [(of, 1.0)], "baseline": values},
    )
    assert table["advantages"].to_list() == [[1.5, 0.5, 0.5], [1.75, 1.75]]


def refusal(tables: dict[str, pl.DataFrame], learner_for: Learners) -> str:
    trainer = PolicyGradient(of="responses", token_rewards={"tokens": 1.0})
    with pytest.raises(Exception, match=r"token|score") as told:
        learner_for(trainer, trainer.gather(tables))
    return str(told.value)


def test_scores_of_other_tokens_are_refused(learner_for: Learners) -> None:
    tables = sampled()
    frame = tables["responses"]
    texts = dict(frame.select("response_id", "text").iter_rows())
    values = {each: [float(n) for n in range(len(text) + 1)] for each, text in texts.items()}
    tables["tokens"] = of_tokens(frame, values, shift=1)
    assert "another tokenizer" in refusal(tables, learner_for)
    short = {each: list_[:-1] for each, list_ in values.items()}
    tables["tokens"] = of_tokens(frame, short, ended=False)
    assert "the end of its turn has no score" in refusal(tables, learner_for)
    tables["tokens"] = of_tokens(frame, values).head(3)
    assert "no score" in refusal(tables, learner_for)


def test_answers_that_were_cut_off_have_no_score_of_an_end(learner_for: Learners) -> None:
    tables = sampled(finish="length")
    frame = tables["responses"]
    texts = dict(frame.select("response_id", "text").iter_rows())
    values = {
        each: [float(len(texts)) * n for n in range(len(text))] for each, text in texts.items()
    }
    tables["tokens"] = of_tokens(frame, values, ended=False)
    trainer = PolicyGradient(of="responses", token_rewards={"tokens": 1.0})
    gathered = trainer.gather(tables).filter(pl.col("reason").is_null())
    learner = learner_for(trainer, gathered)
    for each in learner.train_dataset:
        assert len(each["advantages"]) == len(each["answer_ids"])


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"step_rewards": {"s": 1.0}}, "of steps or of tokens"),
        ({"loss": "rloo"}, "rloo has one advantage"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(
    parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        PolicyGradient(of="responses", token_rewards={"t": 1.0}, **parameters)


def test_the_sampled_groups_hold_answers_of_several_lengths() -> None:
    assert len({len(text) for group in GROUPS for text, _ in group}) > 1
