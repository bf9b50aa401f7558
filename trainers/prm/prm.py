"""Process reward models: a number for each step of a solution, learnt from labelled steps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field

from engines.protocol import RowError
from schemas import Input, Pairs, StepLabels, Takes, TrainedRole
from trainers.training.tokenization import Reader, one_answer
from trainers.training.trainer import Trainer

if TYPE_CHECKING:
    from transformers import Trainer as Learner

Loss = Literal["bce", "soft", "mse", "pqm", "pairwise"]


class PRM(Trainer):
    """Trains the weights of a role, with a linear head in the place of its vocabulary, to reward
    the right steps of a solution: one number at the last token of each step, all in one forward
    pass, for `annotators.ProcessReward`.

    | ``loss`` | is learnt from | the head says |
    |---|---|---|
    | ``bce`` | labels: cross entropy (Lightman et al. 2023, arXiv:2305.20050) | log p / (1−p) that the step is right |
    | ``soft`` | values in [0, 1]: cross entropy against the share of rollouts that ended right (OmegaPRM, Luo et al. 2024, arXiv:2406.06592; ER-PRM) | the same of ending right |
    | ``mse`` | values: squared error | the value itself |
    | ``pqm`` | labels: the ranking of a solution's steps with margin ``zeta`` (PQM, Li & Li 2024, arXiv:2410.11287; `trainers.prm.losses.ranked`) | Q, 0 for the prompt |
    | ``pairwise`` | `schemas.Pairs` of begun answers that differ in their last step: −C·log σ(h) − (1−C)·log σ(−h), h = r(chosen) − r(rejected) and C the ``weight`` (Tree-PLV, He et al. 2024, arXiv:2407.00390) | nats of preference |

    A null label or value is not learnt from: it is neither right nor wrong (trl#2127 took such
    labels for right ones). A solution with none but nulls is dropped. The reward at the end of a
    step sees that step and those before it, never what comes after.

    The folder holds a token classification model with one label, so it cannot answer and is not
    the policy that a recipe's next refresh starts from. ``learning_rate``: 1e-5 for a 7B model,
    1e-3 for a pocket model.
    """  # noqa: E501  # a table cell cannot be broken

    task: ClassVar = "TOKEN_CLS"

    of: Annotated[str, Takes(StepLabels, Pairs)]
    start: TrainedRole = "reward"
    loss: Loss = "bce"
    zeta: float = Field(4.0, ge=0)
    learning_rate: float = Field(1e-5, gt=0)

    @property
    def unit(self) -> str:  # type: ignore[override]  # which table it reads decides it
        """``pair_id`` where pairs are compared, else ``response_id``."""
        return "pair_id" if self.loss == "pairwise" else "response_id"

    @property
    def _learnt(self) -> str:
        return "labels" if self.loss in ("bce", "pqm") else "values"

    def inputs(self) -> list[Input]:
        """Pairs for the pairwise loss, labelled steps for all others."""
        table = Pairs if self.loss == "pairwise" else StepLabels
        return [replace(read, tables=(table,)) for read in super().inputs()]

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Only the column that the loss learns from is among them."""
        if self.loss == "pairwise":
            return frame.select("pair_id", "prompt", "chosen", "rejected", "weight")
        return frame.select("response_id", "prompt", "completions", self._learnt)

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        prompt = reader.prompt(row["prompt"])
        if self.loss == "pairwise":
            said = [[one_answer(row[side], side)] for side in ("chosen", "rejected")]
            read = [reader.steps(prompt, steps) for steps in said]
            ids, positions = [ids for ids, _ in read], [places for _, places in read]
            # Which of the two is better says the order; nothing else is told of them.
            targets = [[1.0], [0.0]]
        else:
            one, places = reader.steps(prompt, row["completions"])
            known = self._known(row)
            ids, positions = [one], [[places[step] for step in known]]
            targets = [list(known.values())]
        return {
            "ids": ids,
            "positions": positions,
            "targets": targets,
            "weight": row.get("weight", 1.0),
            "length": max(map(len, ids)),
        }

    def _known(self, row: Mapping[str, Any]) -> dict[int, float]:
        """What is to be learnt of each step (by its number) of which something is known."""
        told = enumerate(row[self._learnt])
        known = {step: float(said) for step, said in told if said is not None}
        if not known:
            raise RowError(f"no step has a {self._learnt[:-1]}")
        if self.loss == "soft" and not all(0 <= value <= 1 for value in known.values()):
            raise RowError("a value is no probability; values of any size are learnt by loss mse")
        return known

    def learned(self, model: Any, *, end: int) -> Any:
        from trainers.prm.loop import with_step_head

        return with_step_head(model, meaning="value" if self.loss == "mse" else "probability")

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        from trainers.prm.loop import step_learner

        return step_learner(encoded, arguments=arguments, loss=self.loss, zeta=self.zeta, **parts)


class ValueHead(PRM):
    """Trains the weights of the policy, with a linear head, to say how well a begun answer will
    end: the squared error of the values of prefixes, read where their last steps end (AlphaMath,
    Chen et al. 2024, arXiv:2405.03553; ReST-MCTS*, Zhang et al. 2024, arXiv:2406.03816).

    It is `PRM` with loss mse on values of any size, such as backed-up ones in [−1, 1], and
    `annotators.ProcessReward` reads its folder. AlphaMath trains policy and value together on one
    body; here each has a body of its own, so that either can be retrained alone.
    """

    start: TrainedRole = "policy"
    loss: Literal["mse"] = "mse"
