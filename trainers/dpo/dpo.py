"""Direct preference optimization."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field, model_validator

from engines.protocol import RowError
from schemas import ModelDefault, Pairs, Responses, Takes
from trainers.dpo.token_weights import focused, stated
from trainers.training.tokenization import Reader, one_message
from trainers.training.trainer import Trainer
from trainers.training.turns import transcript_tokens

if TYPE_CHECKING:
    from transformers import Trainer as Learner


class DPO(Trainer):
    """Trains a policy to prefer ``chosen`` over ``rejected``, each pair by its ``weight``.

    The loss of a pair of weight C is C·L(w, l) + (1−C)·L(l, w), with L(w, l) = −log σ(h), L(l, w) =
    −log σ(−h), h = r(w) − r(l), r(y) = β·log π(y)/π₀(y), and π₀ the policy before training
    (Rafailov et al. 2023, arXiv:2305.18290; the mixture: CREAM, Wang et al. 2024, arXiv:2410.12735;
    C = 1 − ε is the label smoothing ε of conservative DPO, as in MCTS-DPO, Xie et al. 2024,
    arXiv:2405.00451). A log-prob is the sum over the tokens of the answer and the end of the turn.
    A side that does not end (``ends``) has no end of the turn: a step in the middle of an answer
    must not teach the policy to stop.

    ``loss: dpo_norm``: r(y) is β·log π(y)/π₀(y) per token, as in Tülu 3 (Lambert et al. 2024,
    arXiv:2411.15124; there β is 5): a longer side is then not heard louder.

    ``shared_prefix``: the tokens that both sides begin with are treated as part of the prompt, if
    they lie within so many characters (`Reader.shared`). They count in no sum and no length. With
    loss dpo and without ``nll`` they would cancel out anyway.

    ``loss: simpo``: r(y) is β·log π(y) per token, without a reference (Meng et al. 2024,
    arXiv:2405.14734; there β is 2 to 10).

    ``gamma``, ``margin_scale``: gamma + margin_scale · the pair's ``margin`` (0 if null) is
    subtracted from h, which then has to be that large. gamma is SimPO's target. The other is the
    margin loss of Touvron et al. 2023 (arXiv:2307.09288, section 3.2.2). With scale 1 and the
    difference of step values as margin it is Step-APO: −log σ((r(w) − V(w)) − (r(l) − V(l))) (CPL,
    Wang et al. 2024, arXiv:2409.08642). The margin has the annotator's units (a grade, nats), so it
    needs a scale. At scale 0 the column is not read.

    ``token_weights`` of a pair have one weight for each token of each side's text and one for the
    end of its turn, under this policy's tokenizer. They multiply the log-probs (or log-ratios) in
    the sums; a length is then the sum of the weights. A pair with a wrong number of weights is
    dropped. Pairs without weights have 1 everywhere or, with ``focus``, that weight for tokens that
    the other side does not have: RISE's focus on the tokens in error (Xu et al. 2024,
    arXiv:2410.06638).

    ``nll``: adds nll · C · the negative log-likelihood of ``chosen``, in nats per token (Pang et
    al. 2024, arXiv:2404.19733; UPO and RISE have such a term too). With ``anchor: falling`` it is
    added only for a pair whose chosen answer is less likely than under the reference. RISE's term
    is adaptive, but how could not be confirmed; this is the simplest adaptive term.

    A side of several messages is a transcript. What others than the assistant say in it has the
    weight 0. Such a pair cannot have ``token_weights``, a ``shared_prefix`` or ``nll``.

    ``degree``: adds degree · the cross entropy with which a linear head beside the policy tells how
    much of an answer is missing, from its state at the last token: the chosen answer of a pair
    (nothing) and its versions in stage ``degrees``, each by the ``level`` in its origin
    (`generators.Degrade`). The head learns with the policy, from 0, at ``degree_rate``: at the
    policy's rate it would tell nothing before the training ends, and its loss would not reach the
    policy. It is left out of the checkpoint. So the policy learns degrees where pairs have none
    (SPO, Li et al. 2024, arXiv:2409.17791). Where the head reads, that it is linear, and its rate
    are readings.

    ``group_by_length``: batches hold pairs of similar length, so there is less padding. Use it if
    lengths differ much. The batches are different then, and so are the trained weights.
    """

    training: ClassVar = "dpo"
    unit: ClassVar = "pair_id"
    relative: ClassVar = True
    later: ClassVar = Trainer.later | {"degree", "degrees"}

    of: Annotated[str, Takes(Pairs)]
    loss: Literal["dpo", "dpo_norm", "simpo"] = "dpo"
    beta: float = Field(0.1, gt=0)
    gamma: float = Field(0.0, ge=0)
    margin_scale: float = Field(0.0, ge=0)
    focus: float = Field(1.0, ge=1)
    nll: float = Field(0.0, ge=0)
    anchor: Literal["always", "falling"] = "always"
    degree: float = Field(0.0, ge=0)
    degrees: Annotated[str | None, Takes(Responses)] = None
    degree_rate: float = Field(1e-3, gt=0)
    group_by_length: bool = False
    learning_rate: Annotated[float, ModelDefault()] = Field(5e-7, gt=0)

    @model_validator(mode="after")
    def _anchor_needs_reference(self) -> "DPO":
        if self.loss == "simpo" and self.anchor == "falling":
            raise ValueError(
                "anchor 'falling' needs a reference, which simpo does not have: set loss: dpo"
            )
        return self

    @model_validator(mode="after")
    def _degrees_are_set(self) -> "DPO":
        if bool(self.degree) != (self.degrees is not None):
            raise ValueError("degree is the weight of telling degrees: set both degree and degrees")
        if self.degree and (self.lora or self.shard):
            raise ValueError("degree trains a head with the whole policy: leave out lora and shard")
        return self

    @property
    def unnamed(self) -> frozenset[str]:
        """Without ``degree`` there is no head, so its rate decides nothing. With it, its rate is
        named at the default too: heads once learned at the policy's rate."""
        return frozenset() if self.degree else frozenset({"degree_rate"})

    def gather(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """The rows of ``of``. With ``degrees``, also the ``degraded`` versions of the chosen side:
        text, level, and whether it ends."""
        pairs = self.examples(tables[self.of])
        if self.degrees is None:
            return pairs
        origin = pl.col("origin").struct
        level = origin.field("parameters").str.json_path_match("$.level").cast(pl.Float64)
        versions = tables[self.degrees].select(
            "text",
            chosen_id=origin.field("parents").list.first(),
            level=level,
            ended=pl.col("finish") == "stop",
        )
        lists = (
            versions.drop_nulls("level")
            .sort("chosen_id", "level", "text")
            .group_by("chosen_id", maintain_order=True)
            .agg(degraded=pl.struct("text", "level", "ended"))
        )
        chosen = tables[self.of]["chosen_id"]
        joined = pairs.with_columns(chosen).join(
            lists, on="chosen_id", how="left", maintain_order="left"
        )
        return joined.drop("chosen_id")

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The columns that training reads. The margin is one of them only if it is used."""
        names = ["pair_id", "prompt", "chosen", "rejected", "weight", "token_weights"]
        names += ["shared_prefix", "ends"]
        return frame.select([*names, "margin"] if self.margin_scale else names)

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        if len(row["chosen"]) > 1 or len(row["rejected"]) > 1:
            return self._of_transcripts(row, reader)
        sides = {side: one_message(row[side], side) for side in ("chosen", "rejected")}
        texts = {side: message["content"] for side, message in sides.items()}
        calling = next((side for side, message in sides.items() if message.get("tool_calls")), None)
        if calling is not None and row["shared_prefix"]:
            raise RowError(f"shared_prefix is a place in a text, but {calling} calls tools")
        chosen, rejected = (
            reader.message(
                row["prompt"],
                message,
                texts["chosen"],
                ended=row["ends"] is None or row["ends"][side],
            )
            for side, message in sides.items()
        )
        shared = reader.shared(texts["chosen"], texts["rejected"], row["shared_prefix"] or 0)
        for side, ids in zip(texts, (chosen, rejected), strict=True):
            if len(ids) == shared:
                raise RowError(f"{side} has no token after the shared prefix")
        weights = (
            focused(chosen[shared:], rejected[shared:], self.focus)
            if row["token_weights"] is None
            else stated(row["token_weights"], chosen, rejected, shared=shared)
        )
        before = reader.prompt(row["prompt"], texts["chosen"])
        graded = self._graded(row, [*before, *chosen], reader)
        prompt = before + chosen[:shared]
        chosen, rejected = chosen[shared:], rejected[shared:]
        lengths = [len(prompt) + len(ids) for ids in (chosen, rejected)]
        lengths += map(len, graded.get("graded_ids", ()))
        return {
            "prompt_ids": prompt,
            "chosen_ids": chosen,
            "rejected_ids": rejected,
            "token_weights": {"chosen": weights[0], "rejected": weights[1]},
            "weight": row["weight"],
            "target": self.gamma + self.margin_scale * (row.get("margin") or 0.0),
            **graded,
            "length": max(lengths),
            "sequences": len(lengths),
        }

    def _graded(
        self, row: Mapping[str, Any], chosen: list[int], reader: Reader
    ) -> dict[str, list[Any]]:
        """The ids of the chosen answer and of its degraded versions, after the prompt, and the
        level of each."""
        if self.degrees is None:
            return {}
        versions = row["degraded"] or []
        ids = [
            reader.prompt(row["prompt"], version["text"])
            + reader.answer(version["text"], ended=version["ended"])
            for version in versions
        ]
        return {
            "graded_ids": [chosen, *ids] if versions else [],
            "levels": [0.0, *(version["level"] for version in versions)] if versions else [],
        }

    def _of_transcripts(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        """The example of a pair with a transcript: what others said in it weighs nothing."""
        if self.degrees is not None:
            raise RowError("a side is a transcript, and degree is of one turn")
        if self.nll:
            raise RowError("a side is a transcript, and nll is of one turn: leave out nll")
        for name in ("token_weights", "shared_prefix"):
            if row[name] is not None:
                raise RowError(f"{name} is of one turn, but a side is a transcript")
        prompt = reader.prompt(row["prompt"], row["chosen"][0]["content"])
        ends = row["ends"] or {"chosen": True, "rejected": True}
        (chosen, of_chosen), (rejected, of_rejected) = (
            transcript_tokens(row["prompt"], row[side], prompt, reader, ended=ends[side])
            for side in ("chosen", "rejected")
        )
        weights = focused(chosen, rejected, self.focus)
        token_weights = (
            [weight * own for weight, own in zip(*of_side, strict=True)]
            for of_side in zip(weights, (of_chosen, of_rejected), strict=True)
        )
        return {
            "prompt_ids": prompt,
            "chosen_ids": chosen,
            "rejected_ids": rejected,
            "token_weights": dict(zip(("chosen", "rejected"), token_weights, strict=True)),
            "weight": row["weight"],
            "target": self.gamma + self.margin_scale * (row.get("margin") or 0.0),
            "length": len(prompt) + max(len(chosen), len(rejected)),
            "sequences": 2,
        }

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        from trainers.dpo.loop import preference_trainer

        return preference_trainer(
            encoded,
            arguments=arguments,
            loss=self.loss,
            beta=self.beta,
            nll=self.nll,
            anchor=self.anchor,
            degree=self.degree,
            degree_rate=self.degree_rate,
            group_by_length=self.group_by_length,
            **parts,
        )
