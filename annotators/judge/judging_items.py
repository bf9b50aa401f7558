"""What a judge is asked, as tasks of their own: so that judging can be sampled, scored, trained and
measured as any other answering."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from engines.context import Context
from engines.model import Models
from engines.operators.collect import TableRow, to_table
from engines.operators.row_operator import RowOperator
from engines.operators.run_rows import run_rows
from engines.protocol import RowError
from engines.rows import Prompt
from schemas import (
    GeneratingRole,
    InnerFile,
    Prompts,
    Responses,
    Scores,
    Split,
    Table,
    Takes,
    dropped,
    prompt_id,
)


@dataclass(frozen=True, slots=True)
class _Item:
    """A response with its prompt, and how good it truly is."""

    response_id: str
    text: str
    truth: float | None
    prompt: Prompt
    source_revision: str
    licence: str


class JudgingItems(RowOperator):
    """One prompt a response: the question that ``template`` puts to the judge ``model`` about it.
    Calls no model.

    Its reference is the true grade on ``scale``, for `annotators.GradeMatch` and its check: with
    ``truth``, scores in [0, 1], the lowest grade stands for 0 and the highest for 1. Without
    there is none. A response is dropped where another to its prompt says the same (a judge is asked
    the same once), or ``truth`` has no score of it, or one out of [0, 1].

    Self-rationalization (Trivedi et al. 2024, arXiv:2410.05495) samples, pairs and trains on a
    judge's answers to these.
    """

    gives: ClassVar[type[Table]] = Prompts
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    truth: Annotated[str | None, Takes(Scores)] = None
    model: GeneratingRole = "judge"
    template: InnerFile = "judge_rationale"
    criteria: str | None = None
    scale: tuple[int, int] = Field(default=(1, 5))

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """`Prompts`, in the order of the responses."""
        stage, responses = context.stage, tables[self.of]
        once = responses.unique(["prompt_id", "text"], keep="first", maintain_order=True)
        repeated = responses.join(once, on="response_id", how="anti", maintain_order="left")
        asked = once.join(tables[self.prompts], on="prompt_id", maintain_order="left")
        orphans = once.join(asked, on="response_id", how="anti", maintain_order="left")

        async def work(item: _Item, models: Models) -> list[TableRow]:
            low, high = self.scale
            question = self.ask(
                models[self.model],
                self.template,
                prompt=item.prompt,
                response=item.text,
                criteria=self.criteria,
                low=low,
                high=high,
            )
            reference = None
            if self.truth is not None:
                if item.truth is None or not 0 <= item.truth <= 1:
                    raise RowError(f"{self.truth} has no score in [0, 1] of it: {item.truth}")
                reference = f"{low + item.truth * (high - low):g}"
            about = (item.prompt.source, item.source_revision, item.licence)
            return [(prompt_id(question), list(question), reference, *about)]

        items = ((item.response_id, item) for item in self._items(asked, tables))
        split = to_table(
            run_rows(items, work, context, total=asked.height),
            Prompts,
            stage=stage,
            unit="prompt_id",
            ids=lambda item: [item.response_id],
        )
        again = dropped(stage, "another response says the same", repeated["response_id"].to_list())
        without = dropped(stage, "prompt not found", orphans["response_id"].to_list())
        return replace(split, dropped=pl.concat([split.dropped, again, without]))

    def _items(self, asked: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> Iterator[_Item]:
        known: dict[str, float | None] = {}
        if self.truth is not None:
            whole = tables[self.truth].filter(pl.col("step").is_null())
            means = whole.group_by("response_id").agg(pl.col("value").mean())
            known = dict(means.iter_rows())
        columns = ["response_id", "text", "prompt_id", "messages", "reference", "source"]
        for row in asked.select(*columns, "source_revision", "licence").iter_rows():
            response_id, text, task, messages, reference, source, revision, licence = row
            prompt = Prompt(task, tuple(messages), reference, source)
            yield _Item(response_id, text, known.get(response_id), prompt, revision, licence)
