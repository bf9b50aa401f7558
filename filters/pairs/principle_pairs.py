"""Pairs that are labelled by principles, which are stated in their prompts."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from engines.operators.stated_criteria import STATED, StatementTemplate, stated, worded
from filters.cut_off import ANSWER, CutAnswer, cut_refusal
from filters.filter import Filter, refused_by_reason
from filters.pairing import as_pairs, same_text, with_messages
from filters.pairs.principle_draws import decided_draws
from schemas import (
    MESSAGES,
    Criteria,
    Pairs,
    Prompts,
    Responses,
    Scores,
    Split,
    StageReport,
    Table,
    Takes,
)
from schemas.ids import content_ids

_OF_RESPONSE = pl.col("step").is_null() & pl.col("value").is_not_null()


class PrinciplePairs(Filter):
    """Pairs for a reward that reads principles. For each prompt ``draws`` times: two of its
    responses and a few of ``principles`` (at most ``most``) are drawn, and each principle is turned
    into its contrary with probability 1/2. The principle with the largest difference of scores,
    over the variance of its scores, decides which response is chosen; the other way round if it is
    turned. A share ``noise`` of the labels is flipped.

    The principles that were drawn are put before the prompt as a system turn, a line each in
    ``template``. The contrary of a principle is that of the same name in ``contraries``, or its
    text after "Not:". Without ``stated`` the pairs are the same and nothing is put before them: the
    control. `annotators.CriteriaReward` states principles to the trained reward in the same way.

    ``by`` are scores by an annotator of each principle's name: comparisons in both orders, as in
    the paper (`annotators.CriteriaJudge`), or grades (`annotators.Criteria`). A principle that did
    not score both responses is not drawn for them. Of a pair, ``annotator`` is the principle that
    decided, and ``margin`` its difference. Findings count how many pairs each decided: one by which
    responses hardly differ has a tiny variance and decides many, so leave it out.

    A prompt is dropped if no draw gives a pair: it has fewer than two scored responses, all their
    scores are equal, their texts are the same, the chosen one was cut off (unless ``cut: keep``),
    or the prompt has a system turn of its own.

    Source: Sun et al. 2023, SALMON (arXiv:2310.05910), section 3.2 and its public code, from which
    the defaults are. Its overrides by rules (language, phrases) are filters of their own here.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)]
    principles: Annotated[str, Takes(Criteria)]
    contraries: Annotated[str | None, Takes(Criteria)] = None
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    draws: int = Field(default=4, ge=1)
    most: int = Field(default=8, ge=1)
    noise: float = Field(default=0.1, ge=0, lt=0.5)
    stated: bool = True
    template: StatementTemplate = STATED
    cut: CutAnswer = "refuse"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        draws = self._with_answers(self._draws(tables), tables)
        labelled = draws.filter(pl.col("reason").is_null())
        plain = as_pairs(labelled)
        ids = content_ids(plain["pair_id"], labelled["statement"]).alias("pair_id")
        pairs = plain.with_columns(ids, labelled["annotator"])
        if self.stated:
            pairs = pairs.with_columns(_under(labelled["statement"]))
        order = (
            tables[self.of].group_by("prompt_id", maintain_order=True).agg(_scored(tables[self.by]))
        )
        pairs = order.join(pairs, on="prompt_id", maintain_order="left_right")
        lost = order.join(pairs, on="prompt_id", how="anti", maintain_order="left")
        reasons = draws.group_by("prompt_id").agg(pl.col("reason").drop_nulls().sort().first())
        few = pl.when(pl.col("scored") < 2).then(pl.lit("fewer than two scored responses"))
        alike = pl.lit("no principle that was drawn tells them apart")
        lost = lost.join(reasons, on="prompt_id", how="left", maintain_order="left")
        lost = lost.with_columns(reason=pl.coalesce(few, "reason", alike))
        decided = Counter(pairs["annotator"].sort())
        return Split(
            pairs.select(plain.columns),
            refused_by_reason(lost, "prompt_id", "scored"),
            StageReport(findings={"decided": dict(decided)}),
        )

    def _draws(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """``prompt_id``, the ids of both sides, ``statement``, ``margin`` and ``annotator``."""
        both_ways = self._both_ways(tables)
        values: dict[str, dict[str, dict[str, float]]] = {}
        for prompt_id, response_id, name, value in self._values(tables).iter_rows():
            values.setdefault(prompt_id, {}).setdefault(response_id, {})[name] = value
        draws = [
            (prompt_id, *sides, stated(texts, self.template), margin, name)
            for prompt_id, of_prompt in values.items()
            for *sides, texts, margin, name in decided_draws(
                prompt_id, of_prompt, both_ways, draws=self.draws, most=self.most, noise=self.noise
            )
        ]
        names = ("prompt_id", "chosen_id", "rejected_id", "statement", "margin", "annotator")
        types = {name: pl.Float64 if name == "margin" else pl.String for name in names}
        return pl.DataFrame(draws, schema=types, orient="row")

    def _both_ways(self, tables: Mapping[str, pl.DataFrame]) -> dict[str, tuple[str, str]]:
        """What each principle asks for, and its contrary, by name.

        Raises:
            ValueError: two principles have one name, or one has no contrary or no score.
        """
        rows = {row["name"]: row for row in tables[self.principles].iter_rows(named=True)}
        if len(rows) < tables[self.principles].height:
            raise ValueError(f"stage {self.principles!r} has two principles of one name")
        contraries = {name: worded(row, contrary=True) for name, row in rows.items()}
        if self.contraries is not None:
            contrary_criteria = tables[self.contraries]
            contraries = dict(contrary_criteria.select("name", "text").iter_rows())
            if missing := sorted(rows.keys() - contraries.keys()):
                raise ValueError(f"stage {self.contraries!r} has no contrary of {missing[0]!r}")
        scored = set(tables[self.by]["annotator"])
        if scored and (missing := sorted(rows.keys() - scored)):
            raise ValueError(f"stage {self.by!r} has no score by the principle {missing[0]!r}")
        return {name: (worded(row), contraries[name]) for name, row in rows.items()}

    def _values(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """``prompt_id``, ``response_id``, ``annotator``, and its score over the variance."""
        # Sorted, so that the order of the rows does not change the last digits.
        variance = pl.col("value").sort().var(ddof=0).over("annotator")
        value = pl.when(variance > 0).then(pl.col("value") / variance).otherwise(0.0)
        scores = tables[self.by].filter(_OF_RESPONSE).select("response_id", "annotator", value)
        responses = tables[self.of].select("prompt_id", "response_id")
        return responses.join(scores, on="response_id", maintain_order="left")

    def _with_answers(
        self, draws: pl.DataFrame, tables: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        """The draws with both answers and the messages of the prompt, and the ``reason`` of those
        that give no pair."""
        for side in ("chosen", "rejected"):
            answers = tables[self.of].select(
                pl.col("response_id").alias(f"{side}_id"), pl.col(ANSWER).name.prefix(f"{side}_")
            )
            draws = draws.join(answers, on=f"{side}_id", how="left", maintain_order="left")
        draws = with_messages(draws, tables[self.prompts])
        roles = pl.col("messages").list.eval(pl.element().struct.field("role") == "system")
        return draws.with_columns(
            reason=pl.when(pl.col("messages").is_null())
            .then(pl.lit("prompt not found"))
            .when(roles.list.any() & self.stated)
            .then(pl.lit("its prompt has a system turn of its own"))
            .when(same_text())
            .then(pl.lit("same text"))
            .otherwise(cut_refusal(self.cut, "chosen_"))
        )


def _scored(scores: pl.DataFrame) -> pl.Expr:
    """How many responses of a prompt have a score."""
    scored_ids = scores.filter(_OF_RESPONSE)["response_id"].unique()
    return pl.col("response_id").is_in(scored_ids.implode()).sum().alias("scored")


def _under(statements: pl.Series) -> pl.Expr:
    """The column ``prompt`` after a system turn of each of ``statements``."""
    turn = pl.concat_list(pl.struct(role=pl.lit("system"), content=statements)).cast(MESSAGES)
    return pl.concat_list(turn, pl.col("prompt").cast(MESSAGES)).alias("prompt")
