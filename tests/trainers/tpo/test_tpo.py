"""Tree preference optimization: its loss against a slow one in float64, and which way it pushes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from engines.context import Context
from schemas import Rankings, rows
from tests.trainers.slow import Tensor, logprobs, moved, plain
from trainers import TPO, LoRA
from trainers.tpo.losses import lambdas, ranked_list, step_weights

BETA = 0.3
Learners = Callable[..., Any]

LISTS = (
    (["So.\n", "1\n", "yes"], ["So.\n", "2\n"], ["No.\n", "xx"]),
    (["A\n", "B\n"], ["A\n", "B", "\n", "c"]),
    (["å\n", "1"], ["å\n", "12"], ["å\n", "x"], ["x"]),
)
REWARDS = ([1.0, 0.5, 0.0], [0.75, 0.25], [1.0, 0.5, 0.5, 0.0])


def rankings(
    lists: Sequence[Sequence[Sequence[str]]] = LISTS,
    rewards: Sequence[Sequence[float]] = REWARDS,
) -> pl.DataFrame:
    """Lists of answers, each a list of steps."""
    return rows(
        Rankings,
        [
            {
                "ranking_id": f"ranking-{n:03}",
                "prompt_id": f"prompt-{n:03}",
                "prompt": [{"role": "user", "content": f"{n} + 1 ="}],
                "completions": ["".join(steps) for steps in answers],
                "rewards": given,
                "steps": [
                    [len("".join(steps[: end + 1])) for end in range(len(steps))]
                    for steps in answers
                ],
            }
            for n, (answers, given) in enumerate(zip(lists, rewards, strict=True))
        ],
    )


def spoken(learner: Any, example: dict[str, Any], answers: Sequence[Sequence[str]]) -> list[Any]:
    """Of each answer the ids of each step (the tiny model's tokens are bytes), the last one with
    the end of the turn."""
    encode = learner.processing_class.encode
    told = [[encode(step) for step in steps] for steps in answers]
    for steps in told:
        steps[-1] = [*steps[-1], learner.processing_class.eos_token_id]
    for ids, steps in zip(example["answer_ids"], told, strict=True):
        assert ids == [one for step in steps for one in step]
    return told


def of_steps(model: Any, prompt: list[int], steps: list[list[int]]) -> tuple[list[Any], list[Any]]:
    """The log-prob of each step, and the mean of its hidden states."""
    pair = {"prompt_ids": prompt, "answer_ids": [one for step in steps for one in step]}
    tokens = list(logprobs(model, pair, "answer"))
    ids = torch.tensor([prompt + pair["answer_ids"]])
    states = list(model(input_ids=ids, output_hidden_states=True).hidden_states[-1][0])
    place, sums, means = 0, [], []
    for step in steps:
        sums.append(sum(tokens[place : place + len(step)]))
        begin = len(prompt) + place
        means.append(torch.stack(states[begin : begin + len(step)]).mean(dim=0))
        place += len(step)
    return sums, means


def slow(
    policy: Any, reference: Any, example: dict[str, Any], told: list[Any], trainer: TPO
) -> Tensor:
    """Pair by pair and step by step, as `trainers.TPO` says."""
    prompt, rewards = example["prompt_ids"], example["rewards"]
    with torch.no_grad():
        before = [of_steps(reference, prompt, steps) for steps in told]
    after = [of_steps(policy, prompt, steps)[0] for steps in told]
    ratios = [
        [now - then for now, then in zip(own, given, strict=True)]
        for own, (given, _) in zip(after, before, strict=True)
    ]
    scores = [float(sum(steps).detach()) for steps in ratios]
    places = [
        1 + sorted(range(len(scores)), key=lambda n: -scores[n]).index(n)
        for n in range(len(scores))
    ]
    costs = []
    for i in range(len(told)):
        for j in range(len(told)):
            if rewards[i] <= rewards[j]:
                continue
            longest = max(len(told[i]), len(told[j]))
            weights = []
            for t in range(longest):
                if not trainer.adaptive or t >= len(told[i]) or t >= len(told[j]):
                    weights.append(1.0)
                    continue
                cos = F.cosine_similarity(before[i][1][t], before[j][1][t], dim=0)
                weights.append(float(1 - cos))
            scale = longest / sum(weights) if trainer.adaptive else 1.0
            h = sum(w * scale * step for w, step in zip(weights, ratios[i], strict=False))
            h = h - sum(w * scale * step for w, step in zip(weights, ratios[j], strict=False))
            gain = 1.0
            if trainer.pairs == "lambda":
                dcg = [1 / math.log2(1 + places[n]) for n in (i, j)]
                gain = abs(2 ** rewards[i] - 2 ** rewards[j]) * abs(dcg[0] - dcg[1])
            costs.append(-gain * F.logsigmoid(BETA * torch.as_tensor(h)))
    return torch.stack(costs).mean()


def batch_of(learner: Any) -> Any:
    return learner.data_collator(list(learner.train_dataset))


@pytest.mark.parametrize("pairs", ["lambda", "equal"])
@pytest.mark.parametrize("adaptive", [True, False])
def test_loss_and_gradient_are_those_of_the_slow_version(
    pairs: Any, adaptive: bool, learner_for: Learners
) -> None:
    trainer = TPO(of="lists", beta=BETA, pairs=pairs, adaptive=adaptive)
    learner = learner_for(trainer, rankings())
    reference = plain(learner)
    moved(learner)
    policy = plain(learner)
    loss = learner.compute_loss(learner.model, batch_of(learner))
    loss.backward()
    expected = [
        slow(policy, reference, example, spoken(learner, example, answers), trainer)
        for example, answers in zip(learner.train_dataset, LISTS, strict=True)
    ]
    mean = torch.stack(expected).mean()
    mean.backward()
    assert float(loss.detach()) == pytest.approx(float(mean.detach()), rel=1e-4)
    for ours, theirs in zip(learner.model.parameters(), policy.parameters(), strict=True):
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=2e-3, atol=2e-5)


def test_two_answers_are_a_pair_of_dpo(learner_for: Learners) -> None:
    from tests.trainers.slow import ratio

    frame = rankings([LISTS[1]], [REWARDS[1]])
    learner = learner_for(TPO(of="lists", beta=BETA, pairs="equal", adaptive=False), frame)
    reference = plain(learner)
    moved(learner)
    policy = plain(learner)
    (example,) = learner.train_dataset
    sides = [
        ratio(policy, reference, {"prompt_ids": example["prompt_ids"], "y_ids": ids}, "y").sum()
        for ids in example["answer_ids"]
    ]
    expected = -F.logsigmoid(BETA * (sides[0] - sides[1]))
    loss = learner.compute_loss(learner.model, batch_of(learner))
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


reals = st.floats(-4, 4).map(lambda x: round(x, 3))
rewarded = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=2, max_size=5).filter(
    lambda given: len(set(given)) > 1
)


@given(rewarded, st.data(), st.sampled_from(["lambda", "equal"]))
def test_the_loss_falls_when_the_best_gains_or_the_worst_loses(
    rewards: list[float], data: Any, pairs: Any
) -> None:
    """Its gradient does always; the loss itself where no weight changes with it."""
    given = torch.tensor(sorted(rewards, reverse=True), dtype=torch.float64)
    numbers = [data.draw(reals) for _ in rewards]
    ratios = torch.tensor(numbers, dtype=torch.float64)[:, None].requires_grad_(True)
    weights = torch.ones(len(rewards), len(rewards), 1, dtype=torch.float64)
    loss = ranked_list(ratios, given, weights, beta=BETA, pairs=pairs)
    (slope,) = torch.autograd.grad(loss, ratios)
    assert slope[given == given.max()].max() <= 0
    assert slope[given == given.min()].min() >= 0
    assert slope.abs().max() > 0
    if pairs == "equal":
        gained = ratios.detach() + 0.5 * (given == given.max())[:, None]
        assert ranked_list(gained, given, weights, beta=BETA, pairs=pairs) < loss
        lost = ratios.detach() - 0.5 * (given == given.min())[:, None]
        assert ranked_list(lost, given, weights, beta=BETA, pairs=pairs) < loss


@given(rewarded, st.data())
def test_the_order_in_which_answers_come_changes_nothing(rewards: list[float], data: Any) -> None:
    count = len(rewards)
    order = data.draw(st.permutations(range(count)))
    numbers = data.draw(st.lists(reals, min_size=count, max_size=count, unique=True))
    ratios = torch.tensor(numbers, dtype=torch.float64)[:, None]
    given = torch.tensor(rewards, dtype=torch.float64)
    weights = torch.ones(count, count, 1, dtype=torch.float64)
    for pairs in ("lambda", "equal"):
        whole = ranked_list(ratios, given, weights, beta=BETA, pairs=pairs)  # type: ignore[arg-type]
        turned = ranked_list(
            ratios[order],
            given[order],
            weights,
            beta=BETA,
            pairs=pairs,  # type: ignore[arg-type]
        )
        torch.testing.assert_close(whole, turned)


def test_a_pair_weighs_what_its_right_order_adds_to_dcg() -> None:
    rewards, scores = torch.tensor([1.0, 0.5, 0.0]), torch.tensor([0.1, 0.3, 0.2])
    dcg = {1: 1.0, 2: 1 / math.log2(3), 3: 0.5}
    found = lambdas(rewards, scores)
    assert float(found[0, 1]) == pytest.approx((2 - 2**0.5) * (dcg[1] - dcg[3]))
    assert float(found[0, 2]) == pytest.approx((2 - 1) * (dcg[2] - dcg[3]))
    assert torch.equal(found, found.T)


def test_shared_steps_count_for_nothing_and_others_the_more_they_differ() -> None:
    east, north, west = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    weights = step_weights([torch.stack([east, east, east]), torch.stack([east, north, west])])
    assert weights[0, 1].tolist() == pytest.approx([0.0, 1.0, 2.0])
    assert torch.equal(weights[0, 1], weights[1, 0])
    # One has two steps more.
    longer = step_weights([torch.stack([east]), torch.stack([east, north, west])])
    assert longer[0, 1].tolist() == pytest.approx([0.0, 1.5, 1.5])
    assert longer[0, 0].tolist() == pytest.approx([1.0, 0.0, 0.0])
    same = step_weights([torch.stack([east, north])] * 2)
    assert same[0, 1].tolist() == pytest.approx([1.0, 1.0])


def test_a_list_of_equals_ranks_nothing(context_for: Callable[..., Context]) -> None:
    frame = rankings(LISTS[:2], [[0.5, 0.5, 0.5], [1.0, 0.0]])
    split = TPO(of="lists").run({"lists": frame}, context_for())
    assert split.kept["rows"].to_list() == [1]
    assert split.dropped.select("row_id", "reason").rows() == [
        ("ranking-000", "all rewards are equal")
    ]


@pytest.mark.parametrize("lora", [None, LoRA(rank=4)])
def test_training_puts_the_list_in_order(
    lora: LoRA | None,
    context_for: Callable[..., Context],
    metrics_of: Callable[[pl.DataFrame], dict[str, float]],
) -> None:
    if lora is not None:
        pytest.importorskip("peft")
    trainer = TPO(of="lists", learning_rate=5e-3, epochs=12, batch_size=2, lora=lora)
    split = trainer.run({"lists": rankings()}, context_for())
    assert split.dropped.is_empty()
    figures = metrics_of(split.kept)
    assert figures["rewards/best"] > 0 > figures["rewards/worst"]
    assert figures["rewards/accuracies"] > 0.8
