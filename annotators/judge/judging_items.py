"""Judging as a task: the questions to a judge as prompts, so that judgements can be sampled,
scored, trained on and measured like other responses."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import Field, field_validator

from engines.context import Context
from engines.model import Models
from engines.operators.collect import DroppedRow, TableRow, to_table
from engines.operators.refusal import Refusal
from engines.operators.row_operator import RowOperator, RowSession
from engines.operators.run_rows import run_rows
from engines.operators.shown import ShownStages, shown_with
from engines.operators.system_turns import as_asked
from engines.rows import Prompt
from schemas import (
    GeneratingRole,
    Message,
    Prompts,
    Responses,
    Scores,
    Split,
    Table,
    Takes,
    TemplateName,
    dropped,
    messages_of,
    prompt_id,
)


@dataclass(frozen=True, slots=True)
class Item:
    """A response with its prompt and its true quality. ``shown`` are variables of the template, or
    why there are none."""

    response_id: str
    text: str
    truth: float | None
    prompt: Prompt
    source_revision: str
    licence: str
    task: str
    shown: Mapping[str, Any] | Refusal


class JudgingItems(RowOperator):
    """One prompt per response: the question of ``template`` to the judge ``model`` about it. Calls
    no model.

    With ``truth``, scores in ``truth_range``, the reference of the prompt is the true grade on
    ``scale``: the lowest score is the lowest grade, the highest the highest. With ``whole`` it is
    rounded to a whole grade, as a judge says it. `annotators.GradeMatch` and its check use it.
    Without ``truth`` there is no reference. A response is dropped if another response to its prompt
    has the same text, or if ``truth`` has no score of it in ``truth_range``.

    ``shown``: stages that the template shows beside the response, as `generators.Rewrite` does. A
    response is dropped if one of them has nothing about it, or an error.

    Self-rationalization (Trivedi et al. 2024, arXiv:2410.05495) samples, pairs and trains on a
    judge's answers to such prompts.
    """

    gives: ClassVar[type[Table]] = Prompts
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    truth: Annotated[str | None, Takes(Scores)] = None
    truth_range: tuple[float, float] = (0.0, 1.0)
    whole: bool = False
    model: GeneratingRole = "judge"
    template: TemplateName = "judge_rationale"
    shown: ShownStages = Field(default_factory=dict)
    criteria: str | None = None
    scale: tuple[int, int] = Field(default=(1, 5))

    @field_validator("truth_range")
    @classmethod
    def _ascending(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if not ends[0] < ends[1]:
            raise ValueError(f"truth_range is [lowest, highest] score, got {list(ends)}")
        return ends

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: RowSession) -> Split:
        """`Prompts`, in the order of the responses."""
        tables, context = as_asked(self, tables), session.context
        stage, responses = context.stage, tables[self.of]
        distinct = responses.unique(["prompt_id", "text"], keep="first", maintain_order=True)
        repeated = responses.join(distinct, on="response_id", how="anti", maintain_order="left")
        judged = distinct.join(tables[self.prompts], on="prompt_id", maintain_order="left")
        orphans = distinct.join(judged, on="response_id", how="anti", maintain_order="left")

        def prompt_rows(item: Item, question: tuple[Message, ...]) -> list[TableRow]:
            (low, high), reference = self.scale, None
            if self.truth is not None:
                least, most = self.truth_range
                if item.truth is None or not least <= item.truth <= most:
                    reason = f"{self.truth} has no score in [{least:g}, {most:g}] of it"
                    return [DroppedRow(item.response_id, reason, {"score": item.truth})]
                grade = low + (item.truth - least) / (most - least) * (high - low)
                reference = f"{math.floor(grade + 0.5) if self.whole else grade:g}"
            about = (item.prompt.source, item.source_revision, item.licence, item.task)
            return [(prompt_id(question), list(question), reference, *about)]

        split = self.rows_about(
            self.items(judged, tables), prompt_rows, context, total=judged.height, unit="prompt_id"
        )
        duplicates = dropped(
            stage, "another response says the same", repeated["response_id"].to_list()
        )
        no_prompt = dropped(stage, "prompt not found", orphans["response_id"].to_list())
        return replace(split, dropped=pl.concat([split.dropped, duplicates, no_prompt]))

    def rows_about(
        self,
        items: Iterable[Item],
        rows_of: Callable[[Item, tuple[Message, ...]], list[TableRow]],
        context: Context,
        *,
        total: int,
        ids: Callable[[Item], Sequence[str]] = lambda item: [item.response_id],
        unit: str = "response_id",
        position: Callable[[Item, tuple[Any, ...]], int] | None = None,
    ) -> Split:
        """The ``rows_of`` each item and the question about it. The ``ids`` of an item that has
        none, because a stage has nothing to show, are dropped with the reason. ``unit`` and
        ``position``: as for `engines.operators.collect.to_table`."""

        async def work(item: Item, models: Models) -> list[TableRow]:
            if isinstance(item.shown, Refusal):
                refusal = item.shown.reason, item.shown.numbers
                return [DroppedRow(name, *refusal) for name in ids(item)]
            return rows_of(item, self.question(item, item.shown, models))

        return to_table(
            run_rows(((item.response_id, item) for item in items), work, context, total=total),
            self.gives,
            stage=context.stage,
            unit=unit,
            ids=ids,
            position=position,
        )

    def question(self, item: Item, shown: Mapping[str, Any], models: Models) -> tuple[Message, ...]:
        """What the judge is asked about a response."""
        low, high = self.scale
        return self.ask(
            models[self.model],
            self.template,
            prompt=item.prompt,
            response=item.text,
            criteria=self.criteria,
            low=low,
            high=high,
            **shown,
        )

    def items(self, judged: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> Iterator[Item]:
        """The responses of ``judged``, which has the columns of their prompts too."""
        truths: dict[str, float | None] = {}
        if self.truth is not None:
            of_responses = tables[self.truth].filter(pl.col("step").is_null())
            means = of_responses.group_by("response_id").agg(pl.col("value").mean())
            truths = dict(means.iter_rows())
        shown = shown_with(judged, tables, self.shown)
        columns = ["response_id", "text", "prompt_id", "messages", "reference", "source"]
        about = ("source_revision", "licence", Prompts.task_text())
        for row in judged.select(*columns, *about).iter_rows():
            name, text, prompt_id, messages, reference, source, revision, licence, task = row
            prompt = Prompt(prompt_id, messages_of(messages), reference, source)
            yield Item(name, text, truths.get(name), prompt, revision, licence, task, shown[name])
