"""Direct preference optimization."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field, model_validator

from engines.protocol import RowError
from schemas import Pairs, Takes
from trainers.dpo.token_weights import focused, stated
from trainers.training.tokenization import Reader, one_answer
from trainers.training.trainer import Trainer

if TYPE_CHECKING:
    from transformers import Trainer as Learner


class DPO(Trainer):
    """Trains a policy to prefer ``chosen`` over ``rejected``, each pair as much as its ``weight``.

    The loss of a pair of weight C is C·L(w, l) + (1−C)·L(l, w), with
    L(w, l) = −log σ(h), L(l, w) = −log σ(−h), h = r(w) − r(l), r(y) = β·log π(y)/π₀(y) and π₀ the
    policy it starts from (Rafailov et al. 2023, arXiv:2305.18290; the mixture: CREAM, Wang et al.
    2024, arXiv:2410.12735; with C = 1 − ε the label smoothing ε of conservative DPO, as in
    MCTS-DPO, Xie et al. 2024, arXiv:2405.00451). A log-prob is the sum over the answer's tokens and
    the end of the turn, but for a side that does not end (``ends``): a step after which the answer
    would have gone on must not teach the policy to stop.

    ``shared_prefix``: the tokens that both sides begin with count as a part of the prompt, as far
    as they lie within those characters (`Reader.shared`). So nothing is summed over them and no
    length holds them; by loss dpo without ``nll`` they would cancel out.

    ``loss: simpo``: r(y) is β·log π(y) a token instead, without a reference (Meng et al. 2024,
    arXiv:2405.14734; there β is 2 to 10).

    ``gamma``, ``margin_scale``: h is less by gamma + margin_scale · the pair's ``margin`` (0 if
    null), so that it has to be that large: gamma is SimPO's target, the other the margin loss of
    Touvron et al. 2023 (arXiv:2307.09288, section 3.2.2), and Step-APO's (CPL, Wang et al. 2024,
    arXiv:2409.08642) at scale 1 where the margin is the value of the chosen step less that of the
    rejected one: −log σ((r(w) − V(w)) − (r(l) − V(l))). The margin is in the annotator's units (a
    grade, nats), hence the scale; at 0 the column is not read.

    ``token_weights`` of a pair, one weight a token of each side's text and one for the end of its
    turn under this policy's tokenizer, multiply the log-probs (or log-ratios) in the sums; a
    length is then their sum. A pair with another number of weights than tokens is dropped. Pairs
    without them have 1 everywhere, or with ``focus`` that much for the tokens that the other side
    does not have: RISE's attention to the tokens in error (Xu et al. 2024, arXiv:2410.06638).

    ``nll``: adds nll · C · the negative log-likelihood of ``chosen`` in nats a token (Pang et al.
    2024, arXiv:2404.19733; UPO and RISE have such a term too). With ``anchor: falling`` only for a
    pair whose chosen answer has become less likely than under the reference. RISE's term is known
    to be adaptive, but how could not be confirmed: this is the plainest term that is.

    ``group_by_length``: a batch holds pairs of about the same length, so less of it is padding:
    worth it where lengths differ much. The batches are other ones then, and so are the weights.

    ``learning_rate``: 5e-7 for a 7B model, as most published recipes; 3e-5 for a pocket model or
    with ``lora``.
    """

    unit: ClassVar = "pair_id"
    relative: ClassVar = True

    of: Annotated[str, Takes(Pairs)]
    loss: Literal["dpo", "simpo"] = "dpo"
    beta: float = Field(0.1, gt=0)
    gamma: float = Field(0.0, ge=0)
    margin_scale: float = Field(0.0, ge=0)
    focus: float = Field(1.0, ge=1)
    nll: float = Field(0.0, ge=0)
    anchor: Literal["always", "falling"] = "always"
    group_by_length: bool = False
    learning_rate: float = Field(5e-7, gt=0)

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "DPO":
        if self.loss == "simpo" and self.anchor == "falling":
            raise ValueError("anchor 'falling' compares with the reference, and simpo has none")
        return self

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A margin that is not read changes no training, so it is not among the columns then."""
        read = ["pair_id", "prompt", "chosen", "rejected", "weight", "token_weights"]
        read += ["shared_prefix", "ends"]
        return frame.select([*read, "margin"] if self.margin_scale else read)

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        texts = {side: one_answer(row[side], side) for side in ("chosen", "rejected")}
        chosen, rejected = (
            reader.answer(text, ended=row["ends"] is None or row["ends"][side])
            for side, text in texts.items()
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
        prompt = reader.prompt(row["prompt"], texts["chosen"]) + chosen[:shared]
        chosen, rejected = chosen[shared:], rejected[shared:]
        return {
            "prompt_ids": prompt,
            "chosen_ids": chosen,
            "rejected_ids": rejected,
            "token_weights": {"chosen": weights[0], "rejected": weights[1]},
            "weight": row["weight"],
            "target": self.gamma + self.margin_scale * (row.get("margin") or 0.0),
            "length": len(prompt) + max(len(chosen), len(rejected)),
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
            group_by_length=self.group_by_length,
            **parts,
        )
