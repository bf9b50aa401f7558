"""Pairs of steps: what both sides share is the prompt's, and a step does not teach to stop."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from engines.context import Context
from schemas import Pairs, rows
from tests.trainers.slow import Tensor, logprobs, moved, plain, ratio
from trainers import DPO
from trainers.training.tokenization import Reader

BETA = 0.3
Learners = Callable[..., Any]
STEP = {"chosen": False, "rejected": False}
WHOLE = {"chosen": True, "rejected": True}


def steps(*sides: tuple[str, str], **fields: Any) -> pl.DataFrame:
    """Pairs of begun answers that share their first step, "So.\\n"."""
    return rows(
        Pairs,
        [
            {
                "pair_id": f"pair-{n:03}",
                "prompt_id": f"prompt-{n:03}",
                "prompt": [{"role": "user", "content": f"{n} + 1 ="}],
                "chosen": [{"role": "assistant", "content": f"So.\n{chosen}"}],
                "rejected": [{"role": "assistant", "content": f"So.\n{rejected}"}],
                "chosen_id": f"right-{n}",
                "rejected_id": f"wrong-{n}",
                "weight": 1.0,
                "shared_prefix": 4,
                "ends": STEP,
                **fields,
            }
            for n, (chosen, rejected) in enumerate(sides)
        ],
    )


SIDES = (("1.\n", "x"), ("12.\n", "1x\n"), ("3", "xxx"))


@pytest.fixture
def moved_learner(learner_for: Learners) -> Callable[..., tuple[Any, Any, Any]]:
    """A learner on rows whose policy has moved, and both policies in the slow version's form."""

    def make(trainer: DPO, frame: pl.DataFrame) -> tuple[Any, Any, Any]:
        learner = learner_for(trainer, frame)
        reference = plain(learner)
        moved(learner)
        return learner, reference, plain(learner)

    return make


def loss_of(learner: Any) -> Tensor:
    batch = learner.data_collator(list(learner.train_dataset))
    loss: Tensor = learner.compute_loss(learner.model, batch)
    return loss


def spoken(row: dict[str, Any], side: str) -> dict[str, Any]:
    """The side as the slow version reads it: the tiny model's tokens are bytes."""
    prefix = row["shared_prefix"] or 0
    text = row[side][0]["content"]
    return {"text": text[prefix:], "prefix": text[:prefix], "ends": row["ends"][side]}


def each(learner: Any, frame: pl.DataFrame, policy: Any, reference: Any) -> list[Any]:
    """For each pair the log-ratios of the tokens of either side's step, and their log-probs."""
    tokenizer = learner.processing_class
    found = []
    for pair, row in zip(learner.train_dataset, frame.iter_rows(named=True), strict=True):
        sides = {}
        for side in ("chosen", "rejected"):
            told = spoken(row, side)
            end = [tokenizer.eos_token_id] if told["ends"] else []
            header = len(pair["prompt_ids"]) - len(tokenizer.encode(told["prefix"]))
            slow = {
                "prompt_ids": pair["prompt_ids"][:header] + tokenizer.encode(told["prefix"]),
                f"{side}_ids": tokenizer.encode(told["text"]) + end,
            }
            sides[side] = ratio(policy, reference, slow, side), logprobs(policy, slow, side)
        found.append(sides)
    return found


def test_the_step_alone_counts_in_sums_and_in_lengths(
    moved_learner: Callable[..., tuple[Any, Any, Any]],
) -> None:
    frame = steps(*SIDES)
    for options in ({"nll": 0.5}, {"loss": "simpo", "gamma": 0.2}):
        learner, reference, policy = moved_learner(DPO(of="pairs", beta=BETA, **options), frame)
        expected = []
        for sides in each(learner, frame, policy, reference):
            (chosen, likely), (rejected, unlikely) = sides["chosen"], sides["rejected"]
            if "nll" in options:
                h = BETA * (chosen.sum() - rejected.sum())
                expected.append(-F.logsigmoid(h) - 0.5 * likely.mean())
            else:
                h = BETA * (likely.mean() - unlikely.mean())
                expected.append(-F.logsigmoid(h - 0.2))
        mean = float(torch.stack(expected).mean().detach())
        assert float(loss_of(learner).detach()) == pytest.approx(mean, rel=1e-5)


def test_by_plain_dpo_what_is_shared_cancels_out(
    moved_learner: Callable[..., tuple[Any, Any, Any]],
) -> None:
    frame = steps(*SIDES, ends=None)
    shared, *_ = moved_learner(DPO(of="pairs", beta=BETA), frame)
    whole, *_ = moved_learner(
        DPO(of="pairs", beta=BETA), frame.with_columns(shared_prefix=pl.lit(None, pl.UInt32))
    )
    ours, theirs = loss_of(shared), loss_of(whole)
    ours.backward()
    theirs.backward()
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-5)
    for one, other in zip(shared.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-5)


def test_only_a_side_that_ends_is_taught_to_end(learner_for: Learners) -> None:
    frame = steps(*SIDES[:1], ends={"chosen": False, "rejected": True})
    learner = learner_for(DPO(of="pairs"), frame)
    end = learner.processing_class.eos_token_id
    (pair,) = learner.train_dataset
    assert pair["chosen_ids"] == learner.processing_class.encode("1.\n")
    assert pair["rejected_ids"] == [*learner.processing_class.encode("x"), end]


@pytest.mark.parametrize("visits", [(9, 1), (4, 4), (1, 7), (0, 3)])
def test_a_weight_is_the_label_smoothing_of_conservative_dpo(
    visits: tuple[int, int], moved_learner: Callable[..., tuple[Any, Any, Any]]
) -> None:
    """MCTS-DPO's: ε = min(1 − c, 1/2), c = 1 / (1 + N_l / max(1, N_w)), and the loss of TRL's
    ``label_smoothing``, −(1 − ε)·log σ(h) − ε·log σ(−h)."""
    chosen, rejected = visits
    smoothing = min(1 - 1 / (1 + rejected / max(1, chosen)), 0.5)
    frame = steps(*SIDES, weight=1 - smoothing)
    learner, reference, policy = moved_learner(DPO(of="pairs", beta=BETA), frame)
    expected = []
    for sides in each(learner, frame, policy, reference):
        h = BETA * (sides["chosen"][0].sum() - sides["rejected"][0].sum())
        expected.append(-(1 - smoothing) * F.logsigmoid(h) - smoothing * F.logsigmoid(-h))
    mean = float(torch.stack(expected).mean().detach())
    assert float(loss_of(learner).detach()) == pytest.approx(mean, rel=1e-5)


def test_a_margin_of_values_is_step_apos(
    moved_learner: Callable[..., tuple[Any, Any, Any]],
) -> None:
    """CPL's: −log σ(β·log-ratio(w) − V(w) − β·log-ratio(l) + V(l))."""
    values = [(1.0, 0.25), (0.5, 0.0), (0.75, 0.5)]
    frame = steps(*SIDES).with_columns(
        margin=pl.Series([better - worse for better, worse in values])
    )
    trainer = DPO(of="pairs", beta=BETA, margin_scale=1.0)
    learner, reference, policy = moved_learner(trainer, frame)
    expected = []
    told = each(learner, frame, policy, reference)
    for (better, worse), sides in zip(values, told, strict=True):
        advantages = BETA * sides["chosen"][0].sum() - better
        advantages = advantages - (BETA * sides["rejected"][0].sum() - worse)
        expected.append(-F.logsigmoid(advantages))
    mean = float(torch.stack(expected).mean().detach())
    assert float(loss_of(learner).detach()) == pytest.approx(mean, rel=1e-5)


def test_weights_of_tokens_go_on_counting_from_the_beginning(learner_for: Learners) -> None:
    weights = {"chosen": [9.0] * 4 + [0.5, 1.0, 2.0], "rejected": [9.0] * 4 + [3.0]}
    frame = steps(*SIDES[:1], token_weights=weights)
    (pair,) = learner_for(DPO(of="pairs"), frame).train_dataset
    assert pair["token_weights"] == {"chosen": [0.5, 1.0, 2.0], "rejected": [3.0]}


@pytest.mark.parametrize(
    ("sides", "fields", "reason"),
    [
        (("", "x"), {}, "chosen has no token after the shared prefix"),
        (("1", ""), {"ends": {"chosen": True, "rejected": False}}, "rejected has no token"),
        (
            ("1", "x"),
            {"token_weights": {"chosen": [1.0] * 4 + [0.0], "rejected": [1.0] * 5}},
            "no token of chosen has a weight above 0",
        ),
    ],
)
def test_a_side_of_which_nothing_is_left_drops_its_pair(
    sides: tuple[str, str],
    fields: dict[str, Any],
    reason: str,
    context_for: Callable[..., Context],
) -> None:
    frame = pl.concat([steps(sides, **fields), steps(*SIDES).slice(1)])
    split = DPO(of="pairs").run({"pairs": frame}, context_for())
    assert split.kept["rows"].to_list() == [2]
    assert split.dropped.filter(pl.col("reason").str.contains(reason)).height == 1


def test_an_answer_that_only_ends_is_a_side_of_its_own(learner_for: Learners) -> None:
    frame = steps(("", "x"), ends=WHOLE)
    learner = learner_for(DPO(of="pairs"), frame)
    (pair,) = learner.train_dataset
    assert pair["chosen_ids"] == [learner.processing_class.eos_token_id]


@pytest.fixture
def merging() -> Reader:
    """Reads letters, and "ab", "bc" and "abc" as one token each."""
    letters = {letter: number for number, letter in enumerate(["<end>", *"abcdé"])}
    joined = {token: len(letters) + n for n, token in enumerate(["ab", "bc", "abc"])}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(
            models.BPE(vocab=letters | joined, merges=[("a", "b"), ("b", "c"), ("ab", "c")])
        ),
        eos_token="<end>",
    )
    return Reader(tokenizer, 0)


@pytest.mark.parametrize(
    ("one", "other", "characters", "tokens"),
    [
        ("dad", "dac", 2, 2),
        ("dad", "dac", 1, 1),
        ("dad", "dac", 0, 0),
        # "abc" and "ab" + "d": the tokens part where the characters do not.
        ("dabc", "dabd", 3, 1),
        # They part, and meet again: what comes after is read in another context.
        ("abcdd", "abdd", 2, 0),
        # A token of both that reaches beyond the prefix was not shared.
        ("abc", "abcd", 2, 0),
        # One side ends where the prefix does.
        ("dab", "dabd", 3, 2),
        ("da", "dad", 2, 2),
    ],
)
def test_shared_tokens_lie_within_the_characters_and_are_the_same(
    one: str, other: str, characters: int, tokens: int, merging: Reader
) -> None:
    assert merging.shared(one, other, characters) == tokens
    assert merging.shared(other, one, characters) == tokens


def test_half_a_character_is_not_shared(learner_for: Learners) -> None:
    """é and è are two bytes each, and the first byte is the same."""
    frame = steps(("é", "è"))
    (pair,) = learner_for(DPO(of="pairs"), frame).train_dataset
    assert len(pair["chosen_ids"]) == len(pair["rejected_ids"]) == 2
