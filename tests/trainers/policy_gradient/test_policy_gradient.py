"""The loss against TRL's and a slow one, which way it pushes, and the training as a stage."""

import hashlib
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from engines.bindings import Binding
from engines.context import Context
from engines.protocol import EngineError
from engines.weights import weights_revision
from tests.trainers.samples import GROUPS, ORIGIN, in_steps, sampled, scores
from tests.trainers.slow import logprobs, moved, plain
from trainers import LoRA, PolicyGradient
from trainers.training.reference_logprobs import Reference

BETA, CLIP = 0.3, 0.2
Tensor = torch.Tensor
Learners = Callable[..., Any]
Contexts = Callable[..., Context]


def gradient(**parameters: Any) -> PolicyGradient:
    return PolicyGradient(**{"of": "responses", "rewards": {"scores": 1.0}, **parameters})


def samples(trainer: PolicyGradient, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    gathered = trainer.gather(tables)
    return gathered.filter(pl.col("reason").is_null()).sort("response_id")


def batch_of(learner: Any) -> Any:
    return learner.data_collator(list(learner.train_dataset))


def elsewhere(tiny_model: Path, tmp_path: Path) -> Path:
    """Weights that are neither those that sampled nor those to which the policy moves."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    with torch.no_grad():
        for weights in model.parameters():
            weights += 0.03 * torch.linspace(-1, 1, weights.numel()).view_as(weights)
    model.save_pretrained(tmp_path / "elsewhere")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


def reference_of(folder: Path, tmp_path: Path) -> Reference:
    binding = Binding(model=str(folder), device="cpu", dtype="float32")
    return Reference(weights_revision(binding), "float32", tmp_path / "reference", binding)


def trl_loss(
    kind: str, learner: Any, tiny_model: Path, tmp_path: Path, *, reference: Path | None = None
) -> Tensor:
    """TRL's loss with its own advantages, of the samples of ``learner`` replayed. The policy has
    moved since they were sampled."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

    told = list(learner.train_dataset)
    rewards = [reward for group in GROUPS for _, reward in group]
    shared = {
        "output_dir": str(tmp_path / kind),
        "per_device_train_batch_size": len(told),
        "num_generations": len(GROUPS[0]),
        "num_iterations": 2,
        "epsilon": CLIP,
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
    }
    config: Any = (
        RLOOConfig(**shared, beta=0.0)
        if kind == "rloo"
        else GRPOConfig(**shared, beta=BETA, loss_type=kind)
    )
    trainer: Any = (RLOOTrainer if kind == "rloo" else GRPOTrainer)(
        model=AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32),
        reward_funcs=lambda prompts, **_: rewards[: len(prompts)],
        args=config,
        train_dataset=Dataset.from_list([{"prompt": "?"}] * len(told)),
        processing_class=learner.processing_class,
    )
    prompts, answers = ([each[name] for each in told] for name in ("prompt_ids", "answer_ids"))
    trainer._tokenize_prompts = lambda _: (prompts, None, {})
    trainer._generate_single_turn = lambda *_: answers if kind == "rloo" else (answers, None)
    if reference is not None:
        other = AutoModelForCausalLM.from_pretrained(reference, dtype=torch.float32)
        trainer.ref_model.load_state_dict(other.state_dict())
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    batch = trainer._generate_and_score_completions([{"prompt": "?"}] * len(told))
    moved(trainer)
    loss: Tensor = trainer._compute_loss(trainer.model, batch)
    return loss


def test_kl_to_another_reference_is_that_of_trl(
    learner_for: Learners, tiny_model: Path, tmp_path: Path
) -> None:
    trainer, folder = gradient(beta=BETA), elsewhere(tiny_model, tmp_path)
    other = reference_of(folder, tmp_path)
    learner = learner_for(trainer, samples(trainer, sampled()), other=other)
    theirs = trl_loss("grpo", learner, tiny_model, tmp_path, reference=folder)
    moved(learner)
    ours = learner.compute_loss(learner.model, batch_of(learner))
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-4)
    of_start = learner_for(trainer, samples(trainer, sampled()))
    moved(of_start)
    without = of_start.compute_loss(of_start.model, batch_of(of_start))
    assert abs(float(ours.detach()) - float(without.detach())) > 1e-3


@pytest.mark.parametrize("kind", ["grpo", "bnpo", "rloo"])
def test_whole_rewards_have_the_loss_of_trl(
    kind: Any, learner_for: Learners, tiny_model: Path, tmp_path: Path
) -> None:
    of = {"beta": 0.0, "advantage": "leave_one_out", "scale": False} if kind == "rloo" else {}
    trainer = gradient(loss=kind, **{"beta": BETA, **of})
    learner = learner_for(trainer, samples(trainer, sampled()))
    theirs = trl_loss(kind, learner, tiny_model, tmp_path)
    moved(learner)
    ours = learner.compute_loss(learner.model, batch_of(learner))
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-4)


def slow(policy: Any, start: Any, sample: dict[str, Any], loss: str) -> list[Tensor]:
    """The costs of the answer's tokens, or of the answer, one at a time."""
    after = logprobs(policy, sample, "answer")
    with torch.no_grad():
        before = logprobs(start, sample, "answer")
    ratios = (after - before).exp()
    divergences = [ratio * (1 / ratio - 1 + ratio.log()) for ratio in ratios]
    if loss == "rloo":
        costs = [_surrogate(ratios.prod(), sample["advantages"][0])]
        return [costs[0] + BETA * torch.stack(divergences).sum()]
    return [
        _surrogate(ratio, advantage) + BETA * apart
        for ratio, advantage, apart in zip(ratios, sample["advantages"], divergences, strict=True)
    ]


def stopped(policy: Any, start: Any, sample: dict[str, Any], loss: str) -> list[bool]:
    """Whether each of these costs has no gradient."""
    with torch.no_grad():
        ratios = (logprobs(policy, sample, "answer") - logprobs(start, sample, "answer")).exp()
    advantages = sample["advantages"]
    if loss == "rloo":
        ratios, advantages = ratios.prod()[None], advantages[:1]
    return [
        bool(ratio > 1 + CLIP if advantage > 0 else ratio < 1 - CLIP)
        for ratio, advantage in zip(ratios, advantages, strict=True)
    ]


def _surrogate(ratio: Tensor, advantage: float) -> Tensor:
    if advantage >= 0:
        return -advantage * ratio if ratio <= 1 + CLIP else torch.tensor(-advantage * (1 + CLIP))
    return -advantage * ratio if ratio >= 1 - CLIP else torch.tensor(-advantage * (1 - CLIP))


@pytest.mark.parametrize(
    ("loss", "by_step"), [("grpo", True), ("bnpo", True), ("grpo", False), ("rloo", False)]
)
def test_loss_and_gradient_are_those_of_the_slow_version(
    loss: Any, by_step: bool, learner_for: Learners
) -> None:
    tables = sampled()
    of_steps = {"step_rewards": {"steps": 0.5}} if by_step else {}
    if by_step:
        tables["responses"] = in_steps(tables["responses"])
        texts = tables["responses"]
        tables["steps"] = scores(
            {
                response: [0.25 * (n + ord(letter) % 3) for n, letter in enumerate(text)]
                for response, text in zip(texts["response_id"], texts["text"], strict=True)
            }
        )
    trainer = gradient(loss=loss, beta=BETA, **of_steps)
    learner = learner_for(trainer, samples(trainer, tables))
    start = plain(learner)
    moved(learner)
    policy = plain(learner)
    value = learner.compute_loss(learner.model, batch_of(learner))
    value.backward()
    told = list(learner.train_dataset)
    assert any(len(set(each["advantages"])) > 1 for each in told) == by_step
    costs = [torch.stack(slow(policy, start, each, loss)).double() for each in told]
    expected = torch.cat(costs).mean() if loss == "bnpo" else sum(c.mean() for c in costs) / 8
    expected.backward()
    assert float(value.detach()) == pytest.approx(float(expected.detach()), rel=1e-4)
    for ours, theirs in zip(learner.model.parameters(), policy.parameters(), strict=True):
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=2e-3, atol=2e-5)
    ends = [end for each in told for end in stopped(policy, start, each, loss)]
    assert 0 < sum(ends) < len(ends)
    ((reported, _),) = learner._figures["clipped"]
    assert reported == pytest.approx(sum(ends) / len(ends))


def test_a_step_has_the_advantage_of_its_tokens_and_the_last_one_that_of_the_end(
    learner_for: Learners,
) -> None:
    tables = sampled([(("abc", 0.0), ("d", 0.0))])
    tables["responses"] = in_steps(tables["responses"], length=2)
    tables["steps"] = scores({"a0": [1.0, 3.0], "a1": [0.0]})
    trainer = gradient(rewards={}, step_rewards={"steps": 1.0}, scale=False)
    learner = learner_for(trainer, samples(trainer, tables))
    told = [each["advantages"] for each in learner.train_dataset]
    assert told == [[2.0, 2.0, 1.5, 1.5], [-2.0, -2.0]]


def test_before_training_no_answer_has_moved(learner_for: Learners) -> None:
    trainer = gradient(beta=BETA)
    learner = learner_for(trainer, samples(trainer, sampled()))
    loss = learner.compute_loss(learner.model, batch_of(learner))
    noted = {name: figures[0][0] for name, figures in learner._figures.items()}
    assert noted["kl"] == pytest.approx(0.0, abs=1e-9)
    assert noted["clipped"] == 0.0
    advantages = [each["advantages"][0] for each in learner.train_dataset]
    assert float(loss.detach()) == pytest.approx(-sum(advantages) / 8, abs=1e-5)


def test_one_step_makes_better_answers_likelier_and_worse_ones_less(learner_for: Learners) -> None:
    trainer = gradient(beta=0.0)
    learner = learner_for(trainer, samples(trainer, sampled()))
    start = plain(learner)
    learner.compute_loss(learner.model, batch_of(learner)).backward()
    with torch.no_grad():
        for weights in learner.model.parameters():
            weights -= 1e-2 * weights.grad
        policy = plain(learner)
        gained = sum(
            sum(logprobs(policy, each, "answer") - logprobs(start, each, "answer"))
            * each["advantages"][0]
            / len(each["answer_ids"])
            for each in learner.train_dataset
        )
    assert float(gained) > 0


def test_what_was_clipped_is_pushed_no_further() -> None:
    from trainers.policy_gradient.losses import clipped, surrogate

    log_ratios = torch.tensor([0.5, 0.5, -0.5, -0.5, 0.1], requires_grad=True)
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0])
    surrogate(log_ratios, advantages, CLIP).sum().backward()
    stopped = [True, False, False, True, False]
    assert log_ratios.grad is not None
    assert (log_ratios.grad == 0).tolist() == stopped
    assert clipped(log_ratios, advantages, CLIP).tolist() == stopped


def test_what_was_cut_off_is_trained_without_an_end(learner_for: Learners) -> None:
    tables = sampled()
    trainer = gradient()
    whole = learner_for(trainer, samples(trainer, tables)).train_dataset
    tables = sampled(finish="length")
    cut = learner_for(trainer, samples(trainer, tables)).train_dataset
    for one, other in zip(whole, cut, strict=True):
        assert one["answer_ids"][:-1] == other["answer_ids"]


def trained(split: Any) -> str:
    path = Path(split.kept["path"][0])
    return hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()


def test_equal_groups_and_lone_thoughts_are_dropped_with_the_reason(context_for: Contexts) -> None:
    tables = sampled([*GROUPS, (("1", 1.0), ("2", 1.0))])
    thinking = pl.when(pl.col("response_id") == "a0").then(pl.lit("hm"))
    tables["responses"] = tables["responses"].with_columns(reasoning=thinking)
    split = gradient(learning_rate=1e-3).run(tables, context_for())
    assert split.kept["rows"].to_list() == [7]
    told = dict(split.dropped.select("row_id", "reason").iter_rows())
    assert set(told) == {"a0", "c0", "c1"}
    assert "JoinReasoning" in told["a0"]
    assert "same return" in told["c0"]


@pytest.mark.parametrize("lora", [None, LoRA(rank=4)])
def test_training_raises_what_was_rewarded(
    lora: LoRA | None,
    context_for: Contexts,
    metrics_of: Callable[[pl.DataFrame], dict[str, float]],
) -> None:
    if lora is not None:
        pytest.importorskip("peft")
    trainer = gradient(learning_rate=5e-3, epochs=4, batch_size=4, lora=lora, beta=0.01)
    split = trainer.run(sampled(), context_for())
    figures = metrics_of(split.kept)
    assert figures["loss"] < 0
    assert figures["kl"] > 0
    assert 0 <= figures["clipped"] < 1


def test_the_same_samples_in_any_order_are_the_same_training_and_other_rewards_are_not(
    context_for: Contexts,
) -> None:
    context, trainer, tables = context_for(), gradient(learning_rate=1e-3, batch_size=4), sampled()
    first = trainer.run(tables, context)
    turned = {name: frame.reverse() for name, frame in tables.items()}
    assert trainer.run(turned, context).kept.equals(first.kept)
    renamed = {**tables, "judged": tables["scores"]}
    same = gradient(rewards={"judged": 1.0}, learning_rate=1e-3, batch_size=4)
    assert same.run(renamed, context).kept.equals(first.kept)
    before = trained(first)
    unscaled = gradient(scale=False, learning_rate=1e-3, batch_size=4).run(tables, context)
    assert trained(unscaled) != before


def test_samples_of_other_weights_are_refused(context_for: Contexts, tiny_model: Path) -> None:
    own = weights_revision(Binding(model=str(tiny_model), device="cpu"))
    for model in (own, own.replace("float32", "bfloat16"), "served"):
        tables = sampled(origin={**ORIGIN, "model": model})
        gradient(learning_rate=1e-3).run(tables, context_for())
    tables = sampled(origin={**ORIGIN, "model": "sha:another/float32"})
    with pytest.raises(EngineError, match=r"8 of the 8 responses .* other weights"):
        gradient().run(tables, context_for())


def test_kl_of_a_later_batch_is_to_what_the_first_started_from(
    context_for: Contexts, metrics_of: Callable[[pl.DataFrame], dict[str, float]]
) -> None:
    context, tables = context_for(), sampled()
    first = gradient(learning_rate=1e-2).run(tables, context).kept
    again = {**tables, "first": first}
    still = {"learning_rate": 1e-9, "checkpoint": "first"}
    at_sampler = gradient(**still).run(again, replace(context, stage="a")).kept
    at_start = gradient(**still, reference="first").run(again, replace(context, stage="b")).kept
    assert metrics_of(at_sampler)["kl"] == pytest.approx(0.0, abs=1e-6)
    assert metrics_of(at_start)["kl"] > 1e-3
    assert at_start["chain_start"][0] == first["start"][0]
    without = gradient(**still, reference="first", beta=0.0)
    unmoved = without.run(again, replace(context, stage="c")).kept
    assert metrics_of(unmoved)["kl"] == pytest.approx(0.0, abs=1e-6)


def test_batches_are_made_by_a_recipe(context_for: Contexts) -> None:
    with pytest.raises(EngineError, match="2 batches, which the stages of a recipe make"):
        gradient(batches=2).run(sampled(), context_for())


KILLED = """
import os, pickle, signal, sys
import trainers.training.callbacks

trainer, tables, context = pickle.load(sys.stdin.buffer)
saved = trainers.training.callbacks.Saving.on_save

def on_save(self, args, state, control, **kwargs):
    saved(self, args, state, control, **kwargs)
    if state.global_step == 3:
        os.kill(os.getpid(), signal.SIGKILL)

trainers.training.callbacks.Saving.on_save = on_save
trainer.run(tables, context)
"""


def test_a_killed_training_goes_on_to_the_same_weights(
    context_for: Contexts, tmp_path: Path
) -> None:
    trainer = gradient(learning_rate=1e-3, batch_size=3, epochs=2, checkpoint_seconds=0.0)
    tables, context = sampled(), context_for()
    run = subprocess.run(
        [sys.executable, "-c", KILLED],
        input=pickle.dumps((trainer, tables, context)),
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert run.returncode == -9
    resumed = trainer.run(tables, context)
    whole = trainer.run(tables, context_for(models=tmp_path / "whole"))
    assert trained(resumed) == trained(whole)
