"""What a judge is asked, as tasks of their own: so that judging can be sampled, scored, trained and
measured as any other answering."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from engines.model import Models
from engines.operators.context import Context
from engines.operators.row_operator import RowOperator
from engines.protocol import RowError
from engines.rows import Prompt
from engines.runtime.collect import Refused, Rows
from engines.runtime.rows import run_rows
from schemas import (
    GeneratingRole,
    InnerFile,
    Message,
    Prompts,
    Responses,
    Scores,
    Split,
    Table,
    Takes,
    accept,
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
        made, refused = Rows(Prompts), Refused(stage)

        async def work(item: _Item, models: Models) -> tuple[tuple[Message, ...], str | None]:
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
            if self.truth is None:
                return question, None
            if item.truth is None or not 0 <= item.truth <= 1:
                raise RowError(f"{self.truth} has no score in [0, 1] of it: {item.truth}")
            return question, f"{low + item.truth * (high - low):g}"

        def keep(number: int, item: _Item, found: tuple[tuple[Message, ...], str | None]) -> None:
            question, reference = found
            about = (item.prompt.source, item.source_revision, item.licence)
            made.add((number, prompt_id(question), list(question), reference, *about))

        run_rows(
            ((item.response_id, item) for item in self._items(asked, tables)),
            work,
            context,
            total=asked.height,
            keep=keep,
            fail=lambda number, item, *why: refused.add(number, [item.response_id], *why),
        )
        split = accept(Prompts, made.frame(), stage=stage, unit="prompt_id")
        lost = [
            refused.frame(),
            dropped(stage, "another response says the same", repeated["response_id"].to_list()),
            dropped(stage, "prompt not found", orphans["response_id"].to_list()),
        ]
        return Split(split.kept, pl.concat([*lost, split.dropped]))

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
