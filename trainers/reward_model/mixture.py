"""A mixture of rewards: several rewards, and weights of them that depend on the prompt or on the
annotator."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field, model_validator

from engines.protocol import RowError
from schemas import Checkpoints, ModelDefault, Pairs, Takes
from trainers.training.tokenization import Reader, one_answer
from trainers.training.trainer import Trainer, with_ends

if TYPE_CHECKING:
    from transformers import Trainer as Learner


class MixtureReward(Trainer):
    """Trains the weights of a role, with a linear head instead of its vocabulary, to give
    ``rewards`` rewards of a response, and weights w of these, which sum to 1.

    ``by: prompt``: a router on the same body reads the prompt alone, with its system turns, and
    gives w(x). With p = Σ w_k(x)·σ(Δ_k), where Δ_k is the difference of reward k between chosen and
    rejected, the loss of a pair of weight C is −C·log p − (1−C)·log(1−p): one of several tastes
    chose. Less ``entropy`` times the entropy of the mean w of a forward pass, so that no reward
    takes all prompts.

    ``by: annotator``: each annotator u of the pairs has weights w(u) of his own, even at first,
    and one reward r(u). ``form: direction``: r(u) = Σ w_k(u)·r_k. ``form: point``: a response is a
    point z of as many numbers, with prototypes p_k in the same space, and r(u) = −|z − Σ
    w_k(u)·p_k|². The loss is that of the Bradley-Terry model (`trainers.RewardModel`). A pair
    without an annotator is dropped.

    Weights of annotators and prototypes learn at ``weights_rate``, since a rate that suits the body
    hardly moves them. With ``only_weights`` nothing else is learnt: a few pairs of new annotators,
    or under new contexts, move only the weights of these annotators, or the router, on the rewards
    of ``checkpoint``.

    The folder holds a sequence classification model with a label for each reward and, by prompt,
    each logit of the router, which `annotators.MixtureReward` reads after the prompt. Weights of
    annotators and prototypes are in its configuration (``reward_mixture``).

    Sources: Shen et al. 2025, MiCRo (arXiv:2505.24846), by prompt; there the body stays, and
    whether the entropy is of the mean could not be confirmed. Chen et al. 2024, PAL
    (arXiv:2406.08469), by annotator; its public code takes the distance and not its square, and
    reads responses by a small network where here the body itself learns.
    """

    training: ClassVar = "reward"
    unit: ClassVar = "pair_id"
    task: ClassVar = "SEQ_CLS"
    shards: ClassVar = False

    checkpoint: Annotated[str | None, Takes(Checkpoints, tasks=("CAUSAL_LM", "SEQ_CLS"))] = None

    of: Annotated[str, Takes(Pairs)]
    by: Literal["prompt", "annotator"]
    rewards: int = Field(2, ge=2, le=64)
    form: Literal["direction", "point"] = "direction"
    entropy: float = Field(0.1, ge=0)
    weights_rate: float = Field(0.05, gt=0)
    only_weights: bool = False
    learning_rate: Annotated[float, ModelDefault()] = Field(1e-5, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> "MixtureReward":
        if self.form == "point" and self.by == "prompt":
            raise ValueError("form: point is of annotators: set by: annotator")
        if self.only_weights and self.checkpoint is None:
            raise ValueError("only_weights needs a checkpoint, whose rewards stay as they are")
        if self.only_weights and self.lora is not None:
            raise ValueError("only_weights trains no weights of the body: leave out lora")
        return self

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the labels."""
        numbers = range(self.rewards)
        routed = numbers if self.by == "prompt" else ()
        return (*(f"reward-{n}" for n in numbers), *(f"router-{n}" for n in routed))

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = ["pair_id", "prompt", "chosen", "rejected", "weight", *with_ends(frame)]
        return frame.select([*names, "annotator"] if self.by == "annotator" else names)

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        ends = row.get("ends") or {"chosen": True, "rejected": True}
        sides = {side: one_answer(row[side], side) for side in ("chosen", "rejected")}
        prompt = reader.prompt(row["prompt"], sides["chosen"])
        ids = {
            f"{side}_ids": prompt + reader.answer(text, ended=ends[side])
            for side, text in sides.items()
        }
        if self.by == "prompt":
            ids["prompt_ids"] = reader.prompt(row["prompt"], "")
        elif row["annotator"] is None:
            raise RowError("its annotator is not known")
        return {
            **ids,
            "annotator": row.get("annotator"),
            "weight": row["weight"],
            "length": max(map(len, ids.values())),
            "sequences": len(ids),
        }

    def learned(self, model: Any, *, end: int) -> Any:
        from trainers.reward_model.mixture_loop import with_mixture_head

        return with_mixture_head(model, end=end, outputs=self.outputs)

    def exported(self, model: Any) -> Any:
        from trainers.reward_model.mixture_loop import with_stored_mixture

        return with_stored_mixture(model, by=self.by, form=self.form)

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        from trainers.reward_model.mixture_loop import Mixing, mixture_learner

        names = ("by", "rewards", "form", "entropy", "weights_rate", "only_weights")
        method = Mixing(**{name: getattr(self, name) for name in names})
        return mixture_learner(encoded, arguments=arguments, method=method, **parts)
