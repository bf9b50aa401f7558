"""Process reward models: a number for each step of a solution, trained on labelled steps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field

from engines.protocol import RowError
from schemas import Checkpoints, Input, ModelDefault, Pairs, StepLabels, Takes, TrainedRole
from trainers.training.tokenization import Reader, one_answer
from trainers.training.trainer import Trainer

if TYPE_CHECKING:
    from transformers import Trainer as Learner

Loss = Literal["bce", "soft", "mse", "pqm", "pairwise"]


class PRM(Trainer):
    """Trains the weights of a role, with a linear head instead of its vocabulary, to reward the
    right steps of a solution: one number at the last token of each step, all in one forward pass,
    for `annotators.ProcessReward`.

    | ``loss`` | trained on | output of the head |
    |---|---|---|
    | ``bce`` | labels: cross entropy (Lightman et al. 2023, arXiv:2305.20050) | log p / (1−p) that the step is right |
    | ``soft`` | values in [0, 1]: cross entropy against the share of rollouts that ended right (OmegaPRM, Luo et al. 2024, arXiv:2406.06592; ER-PRM) | the same of ending right |
    | ``mse`` | values: squared error | the value itself |
    | ``pqm`` | labels: the ranking of a solution's steps with margin ``zeta`` (PQM, Li & Li 2024, arXiv:2410.11287; `trainers.prm.losses.ranked`) | Q, 0 for the prompt |
    | ``pairwise`` | `schemas.Pairs` of partial answers that differ in their last step: −C·log σ(h) − (1−C)·log σ(−h), h = r(chosen) − r(rejected) and C the ``weight`` (Tree-PLV, He et al. 2024, arXiv:2407.00390) | nats of preference |

    A null label or value is not used: it is neither right nor wrong (trl#2127 treated such labels
    as right). A solution with only nulls is dropped. The reward at the end of a step depends on
    that step and those before it, never on later ones.

    The folder holds a token classification model with one label. It cannot generate, so the next
    refresh of the recipe does not start from it.
    """  # noqa: E501  # a table cell cannot be broken

    training: ClassVar = "prm"
    task: ClassVar = "TOKEN_CLS"

    of: Annotated[str, Takes(StepLabels, Pairs)]
    start: TrainedRole = "reward"
    checkpoint: Annotated[str | None, Takes(Checkpoints, tasks=("CAUSAL_LM", "TOKEN_CLS"))] = None
    loss: Loss = "bce"
    zeta: float = Field(4.0, ge=0)
    learning_rate: Annotated[float, ModelDefault()] = Field(1e-5, gt=0)

    @property
    def unit(self) -> str:  # type: ignore[override]  # which table it reads decides it
        """``pair_id`` for pairs, else ``response_id``."""
        return "pair_id" if self.loss == "pairwise" else "response_id"

    @property
    def _target(self) -> str:
        return "labels" if self.loss in ("bce", "pqm") else "values"

    def inputs(self) -> list[Input]:
        """Pairs for the pairwise loss, labelled steps for all others."""
        table = Pairs if self.loss == "pairwise" else StepLabels
        return [
            replace(read, tables=(table,)) if read.field == "of" else read
            for read in super().inputs()
        ]

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The columns that training reads; of labels and values only the one that the loss uses."""
        if self.loss == "pairwise":
            return frame.select("pair_id", "prompt", "chosen", "rejected", "weight")
        return frame.select("response_id", "prompt", "completions", self._target)

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        if self.loss == "pairwise":
            sides = [[one_answer(row[side], side)] for side in ("chosen", "rejected")]
            prompt = reader.prompt(row["prompt"], sides[0][0])
            read = [reader.steps(prompt, steps) for steps in sides]
            ids, positions = [ids for ids, _ in read], [places for _, places in read]
            # The order says which is better; there are no other labels.
            targets = [[1.0], [0.0]]
        else:
            prompt = reader.prompt(row["prompt"], "".join(row["completions"]))
            one, places = reader.steps(prompt, row["completions"])
            targets_by_step = self._targets_by_step(row)
            ids, positions = [one], [[places[step] for step in targets_by_step]]
            targets = [list(targets_by_step.values())]
        return {
            "ids": ids,
            "positions": positions,
            "targets": targets,
            "weight": row.get("weight", 1.0),
            "length": max(map(len, ids)),
            "sequences": len(ids),
        }

    def _targets_by_step(self, row: Mapping[str, Any]) -> dict[int, float]:
        """The targets of the steps that have one, by step number."""
        targets = enumerate(row[self._target])
        targets_by_step = {step: float(target) for step, target in targets if target is not None}
        if not targets_by_step:
            raise RowError(f"no step has a {self._target[:-1]}")
        if self.loss == "soft" and not all(0 <= value <= 1 for value in targets_by_step.values()):
            raise RowError("a value is no probability; values of any size are learnt by loss mse")
        return targets_by_step

    def learned(self, model: Any, *, end: int) -> Any:
        from trainers.prm.loop import with_step_head

        return with_step_head(model, meaning="value" if self.loss == "mse" else "probability")

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        from trainers.prm.loop import step_learner

        return step_learner(encoded, arguments=arguments, loss=self.loss, zeta=self.zeta, **parts)


class ValueHead(PRM):
    """Trains the weights of the policy, with a linear head, to predict how well a partial answer
    will end: the squared error of the values of prefixes, read at the ends of their last steps
    (AlphaMath, Chen et al. 2024, arXiv:2405.03553; ReST-MCTS*, Zhang et al. 2024,
    arXiv:2406.03816).

    It is `PRM` with loss mse on values of any range, such as backed-up values in [−1, 1].
    `annotators.ProcessReward` reads its folder. AlphaMath trains policy and value together on one
    body. Here each has its own body, so that either can be trained again alone.
    """

    start: TrainedRole = "policy"
    loss: Literal["mse"] = "mse"
