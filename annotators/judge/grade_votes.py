"""Scores responses by the grades of many judgements, of which a meta judge may choose the best."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, model_validator

from annotators.judge.judging_items import Item, JudgingItems
from annotators.judge.parsing.verdicts import joined, polled, read_grade
from engines.operators.collect import TableRow
from engines.operators.row_operator import RowSession
from engines.operators.system_turns import as_asked
from schemas import Message, Responses, Scores, Split, Table, Takes, canonical, dropped, prompt_id

Vote = tuple[str, str, str | None]
"""The id and the text of a judgement, and why it is not read."""


class GradeVotes(JudgingItems):
    """Scores a response by the mean grade of the judgements about it: of ``judgements``, which are
    responses to `annotators.JudgingItems` with the same parameters, the first ``votes`` (default:
    all). With ``meta``, scores of judgements, only the ``kept`` of them with the highest score
    count; of equal ones the earlier. A judgement without a meta score does not count. Calls no
    model. ``truth`` is not read.

    A judgement whose grade cannot be read, or that was cut off, is left out of the mean. If none is
    left, the score is an error.

    Source: Liu et al. 2025, Inference-Time Scaling for Generalist Reward Modeling
    (arXiv:2504.02495), which sums the grades: with as many read ones for each response, the order
    is the same.
    """

    gives: ClassVar[type[Table]] = Scores

    judgements: Annotated[str, Takes(Responses)]
    votes: int | None = Field(default=None, ge=1)
    meta: Annotated[str | None, Takes(Scores)] = None
    kept: int | None = Field(default=None, ge=1)

    @property
    def by_prompt(self) -> bool:
        """The judgements are of other prompts than the responses."""
        return False

    @model_validator(mode="after")
    def _chooses(self) -> "GradeVotes":
        if (self.meta is None) != (self.kept is None):
            raise ValueError("meta and kept go together: the scores of judgements, and how many")
        return self

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: RowSession) -> Split:
        """`Scores`, in the order of the responses."""
        inputs, context = as_asked(self, tables), session.context
        responses, prompts = inputs[self.of], inputs[self.prompts]
        with_prompts = responses.join(prompts, on="prompt_id", how="inner", maintain_order="left")
        orphans = responses.join(prompts, on="prompt_id", how="anti", maintain_order="left")
        votes = self._votes(tables)

        def graded(item: Item, question: tuple[Message, ...]) -> list[TableRow]:
            return [self._row(item, votes.get(prompt_id(question), []))]

        split = self.rows_about(
            self.items(with_prompts, inputs), graded, context, total=with_prompts.height
        )
        no_prompt = dropped(context.stage, "prompt not found", orphans["response_id"].to_list())
        return replace(split, dropped=pl.concat([split.dropped, no_prompt]))

    def _votes(self, tables: Mapping[str, pl.DataFrame]) -> Mapping[str, Sequence[Vote]]:
        """The judgements that count, by the id of the question that they answer."""
        judgements = tables[self.judgements].select("response_id", "prompt_id", "text", "finish")
        if self.votes is not None:
            judgements = judgements.group_by("prompt_id", maintain_order=True).head(self.votes)
        if self.meta is not None:
            scores = tables[self.meta].filter(pl.col("step").is_null()).drop_nulls("value")
            means = scores.group_by("response_id").agg(meta=pl.col("value").mean())
            judgements = judgements.join(
                means, on="response_id", how="inner", maintain_order="left"
            )
            best = (-pl.col("meta")).rank("ordinal").over("prompt_id")
            judgements = judgements.filter(best <= self.kept)
        votes = defaultdict[str, list[Vote]](list)
        columns = ["prompt_id", "response_id", "text", "finish"]
        for question, name, text, finish in judgements.select(columns).iter_rows():
            votes[question].append((name, text, "was cut off" if finish == "length" else None))
        return votes

    def _row(self, item: Item, votes: Sequence[Vote]) -> TableRow:
        texts = [text for _, text, _ in votes]
        refused = [refusal for *_, refusal in votes]
        read = partial(read_grade, scale=self.scale)
        verdict = polled(texts, read, "mean", refused=refused) if texts else None
        none = "no judgement about it" + (
            "" if self.meta is None else f" has a score of {self.meta}"
        )
        error = none if verdict is None else verdict.error
        parameters = {"votes": self.votes, "kept": self.kept, "scale": list(self.scale)}
        return (
            item.response_id,
            None,
            "grade_votes",
            None if verdict is None else verdict.value,
            joined(texts),
            error,
            None,
            self.path,
            None,
            canonical(parameters),
            None,
            [name for name, _, _ in votes],
        )
