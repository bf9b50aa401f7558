"""A reward model: a number for a response, trained on pairs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import polars as pl
from pydantic import Field, model_validator

from engines.protocol import RowError
from schemas import Checkpoints, ModelDefault, Pairs, Responses, Scores, Takes
from trainers.reward_model.forms import BradleyTerry, Form
from trainers.training.tokenization import Reader, one_answer
from trainers.training.trainer import Trainer, with_ends
from trainers.training.turns import transcript_tokens

if TYPE_CHECKING:
    from transformers import Trainer as Learner


class RewardModel(Trainer):
    """Trains the weights of a role, with a linear head instead of its vocabulary, to reward
    ``chosen`` more than ``rejected``: a reward r(x, y) in nats of preference, for
    `annotators.Reward`.

    The loss of a pair of weight C is −C·log σ(h) − (1−C)·log σ(−h), with h = r(w) − r(l) −
    margin_scale · ``margin`` (0 if null): the Bradley-Terry model with the soft labels of CREAM and
    the margin of Touvron et al. 2023 (arXiv:2307.09288, section 3.2.2). The reward is read at the
    end of the answer's turn, or at the last token of a side that does not end (``ends``). Before
    the first step it is 0 for every text, unless training goes on from a reward model.

    ``bootstrap`` makes the members of an ensemble differ (with another ``seed`` each): a member
    learns from as many prompts as there are, drawn with replacement, so that some of them count
    twice or more and a third do not count; and its head begins with random weights. With ``heads``
    above 1, so many heads share one body. A head gives each response a normal distribution of its
    reward, whose mean is the reward, and σ(h) becomes the mean of σ over the distribution of h
    (`trainers.reward_model.ensembles.margins`), so a head may be less certain of some texts than of
    others. All begin with random weights and, with ``bootstrap``, each draws its own prompts. The
    loss is the mean over the heads (Yan et al. 2024, arXiv:2409.15360, for heads with a variance;
    there they learn from the rewards of another model).

    ``form`` is what is learnt from a pair, each told in `trainers.reward_model.forms`:
    ``bradley_terry`` as above; ``scaled``, times the strength of the preference (HelpSteer2-
    Preference, arXiv:2410.01257); ``combined``, with the regression of the mean rating that each
    side has in stage ``ratings``; ``disentangled``, with a head for quality and one for length
    (ODIN, arXiv:2402.07319); ``embedding``, a vector in place of a reward, for preferences that
    may be cyclic (General Preference Modeling, arXiv:2410.02197); ``smoothed``, with labels that
    move after each epoch (Iterative Data Smoothing, arXiv:2401.16335). A form with parameters of
    its own is a mapping: ``{name: smoothed, rate: 0.5}``.

    ``shifted``: responses of another policy to the prompts of the pairs, without labels. The
    gradient of each batch is then computed at θ + meta_rate · ∂J/∂θ, with J how far the reward
    tells the responses to one prompt apart (`trainers.reward_model.meta.difference`), and moves θ:
    MetaRM (arXiv:2401.06080, section 3.2), for a reward that still tells responses apart as the
    policy moves. ``meta_rate`` of the paper could not be confirmed. Pairs whose prompt has fewer
    than two of them learn as without. A transcript is no such response.

    The folder holds a sequence classification model with one label or, for several heads, with two
    each: all means, then the logarithms of all variances. Of form embedding it has a label for each
    number of the vector. It cannot generate. The next refresh of a recipe starts from its last
    checkpoint, so a stage that trains a policy must come after this one.
    """

    training: ClassVar = "reward"
    unit: ClassVar = "pair_id"
    task: ClassVar = "SEQ_CLS"
    later: ClassVar = Trainer.later | {"bootstrap", "heads", "form", "ratings", "meta_rate"}

    checkpoint: Annotated[str | None, Takes(Checkpoints, tasks=("CAUSAL_LM", "SEQ_CLS"))] = None

    of: Annotated[str, Takes(Pairs)]
    ratings: Annotated[str | None, Takes(Scores)] = None
    shifted: Annotated[str | None, Takes(Responses)] = None
    meta_rate: float = Field(0.01, gt=0)
    margin_scale: float = Field(0.0, ge=0)
    bootstrap: bool = False
    heads: int = Field(1, ge=1, le=64)
    form: Form = BradleyTerry()
    learning_rate: Annotated[float, ModelDefault()] = Field(1e-5, gt=0)

    @model_validator(mode="after")
    def _form_fits(self) -> "RewardModel":
        plain = self.form.name == "bradley_terry"
        if self.heads > 1 and not plain:
            raise ValueError(f"form {self.form.name} has one reward: leave out heads")
        if self.form.reads_margin and self.margin_scale:
            raise ValueError(
                f"form {self.form.name} reads the margin as a strength: leave out margin_scale"
            )
        if self.form.reads_ratings != (self.ratings is not None):
            raise ValueError("form combined goes with ratings: a stage of scores of both sides")
        if self.form.labels > 1 and self.shard:
            raise ValueError(f"form {self.form.name} reads the whole head: leave out shard")
        if self.shifted is not None and (self.heads > 1 or self.form.labels > 1):
            raise ValueError("shifted is of one reward: leave out heads and form")
        if self.shifted is not None and (self.shard or self.devices > 1):
            raise ValueError("shifted moves all weights before a step: leave out devices and shard")
        return self

    @property
    def _reads_margin(self) -> bool:
        return bool(self.margin_scale) or self.form.reads_margin

    def gather(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """The `examples`, with the ``ratings`` [chosen, rejected] if there is a stage of them, and
        the responses of ``shifted`` to their prompts."""
        pairs = tables[self.of]
        examples = self.examples(pairs)
        if self.ratings is not None:
            examples = examples.hstack([_ratings(pairs, tables[self.ratings])])
        if self.shifted is not None:
            examples = examples.hstack([_shifted(pairs, tables[self.shifted])])
        return examples

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The columns that training reads. The margin is one of them only if it is used."""
        names = ["pair_id", "prompt", "chosen", "rejected", "weight", *with_ends(frame)]
        return frame.select([*names, "margin"] if self._reads_margin else names)

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        margin = row.get("margin")
        if self.form.reads_margin and not (margin and margin > 0):
            raise RowError(f"its margin, the strength of the preference, is {margin}: not above 0")
        ratings = row.get("ratings")
        if ratings == [None, None]:
            raise RowError(f"neither side has a rating in stage {self.ratings!r}")
        sides = ("chosen", "rejected")
        ends = row.get("ends") or dict.fromkeys(sides, True)
        prompt = reader.prompt(row["prompt"], row["chosen"][0]["content"])

        def answer(side: str) -> list[int]:
            if len(row[side]) == 1:
                return reader.answer(one_answer(row[side], side), ended=ends[side])
            return transcript_tokens(row["prompt"], row[side], prompt, reader, ended=ends[side])[0]

        chosen, rejected = (prompt + answer(side) for side in sides)
        shifted = [
            reader.prompt(row["prompt"], one["text"])
            + reader.answer(one["text"], ended=one["ended"])
            for one in row.get("shifted") or ()
        ]
        return {
            "chosen_ids": chosen,
            "rejected_ids": rejected,
            "prompt_tokens": len(prompt),
            "weight": row["weight"],
            "target": self.margin_scale * (margin or 0.0),
            "strength": margin if self.form.reads_margin else 1.0,
            "length": max(map(len, (chosen, rejected, *shifted))),
            "sequences": 2 + len(shifted),
            **({} if self.shifted is None else {"shifted_ids": shifted}),
            **({} if ratings is None else {"ratings": ratings}),
        }

    def learned(self, model: Any, *, end: int) -> Any:
        from trainers.reward_model.loop import with_reward_head

        return with_reward_head(model, end=end, heads=self.heads, form=self.form)

    def exported(self, model: Any) -> Any:
        return self.form.exported(model)

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        from trainers.reward_model.loop import reward_trainer

        return reward_trainer(
            encoded,
            arguments=arguments,
            bootstrap=self.bootstrap,
            form=self.form,
            meta_rate=self.meta_rate,
            **parts,
        )


def _ratings(pairs: pl.DataFrame, scores: pl.DataFrame) -> pl.Series:
    """The mean rating of each side of each pair, [chosen, rejected]."""
    response_scores = scores.filter(pl.col("step").is_null()).drop_nulls("value")
    means = response_scores.group_by("response_id").agg(pl.col("value").sort().mean())
    sides = [
        pairs.select(response_id=f"{side}_id").join(
            means, on="response_id", how="left", maintain_order="left"
        )["value"]
        for side in ("chosen", "rejected")
    ]
    both = pl.DataFrame({"chosen": sides[0], "rejected": sides[1]})
    return both.select(ratings=pl.concat_list("chosen", "rejected")).to_series()


def _shifted(pairs: pl.DataFrame, responses: pl.DataFrame) -> pl.Series:
    """The responses to the prompt of each pair, if there are two or more."""
    by_prompt = (
        responses.filter(pl.col("turns").is_null())
        .select("prompt_id", "text", ended=pl.col("finish") == "stop")
        .sort("prompt_id", "text", "ended")
        .group_by("prompt_id", maintain_order=True)
        .agg(shifted=pl.struct("text", "ended"))
        .filter(pl.col("shifted").list.len() > 1)
    )
    prompts = pairs.select("prompt_id")
    return prompts.join(by_prompt, on="prompt_id", how="left", maintain_order="left")["shifted"]
