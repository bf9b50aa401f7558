"""What a reviser is: one that writes responses from a response."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import polars as pl

from engines.context import Context
from engines.model import Models
from engines.operators.row_operator import RowOperator
from engines.rows import Prompt, Response, spans
from generators.drafts import Draft, Refusal, written
from schemas import Prompts, Responses, Split, Table, Takes, dropped

_COLUMNS = ("prompt_id", "messages", "reference", "source")
_TASK = ("response_id", "text", "finish", "origin", "steps", "tokens", "reasoning")


class Reviser(RowOperator):
    """Writes responses from responses. A subclass says how, for one of them, in ``revise``.

    Its drafts name the response they were made from as their parent. Seeds follow from that one's
    id, so what becomes of it does not depend on how many others its prompt has. A response that
    gives nothing is dropped with the reason, and its prompt too if none of its responses does.
    """

    gives: ClassVar[type[Table]] = Responses
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(Responses)] = "responses"
    prompts: Annotated[str, Takes(Prompts)] = "prompts"

    @abstractmethod
    async def revise(
        self, prompt: Prompt, response: Response, remark: Any, models: Models
    ) -> Sequence[Draft] | Refusal:
        """Responses made from ``response``, or why there are none. ``remark`` is what `remarks` has
        on it. An exception drops the response, with the exception's words."""

    def remarks(self, tables: Mapping[str, pl.DataFrame]) -> Mapping[str, Any]:
        """What is known about responses beside their text, by their ids."""
        return {}

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """Responses made from ``tables[self.of]``, in their order."""
        responses, remarks = tables[self.of], self.remarks(tables)
        known = tables[self.prompts].select(_COLUMNS)
        tasks = responses.select("prompt_id", *_TASK).join(
            known, on="prompt_id", how="inner", maintain_order="left"
        )

        async def write(task: tuple[Prompt, Response], models: Models) -> Sequence[Draft] | Refusal:
            prompt, response = task
            return await self.revise(prompt, response, remarks.get(response.response_id), models)

        asked = responses["prompt_id"].unique(maintain_order=True)
        split = written(
            _each_task(tasks),
            write,
            context,
            operator=self.path,
            total=tasks.height,
            asked=asked.filter(asked.is_in(known["prompt_id"].implode())),
        )
        orphans = asked.filter(~asked.is_in(known["prompt_id"].implode())).to_list()
        lost = dropped(context.stage, "prompt not found", orphans)
        return Split(split.kept, pl.concat([split.dropped, lost]))


def _each_task(tasks: pl.DataFrame) -> Iterator[tuple[str, str, tuple[Prompt, Response]]]:
    for row in tasks.select(*_COLUMNS, *_TASK).iter_rows():
        prompt_id, messages, reference, source, response_id, text, finish, origin, steps, *more = (
            row
        )
        prompt = Prompt(prompt_id, tuple(messages), reference, source)
        response = Response(response_id, prompt_id, text, finish, origin, spans(steps), *more)
        yield response_id, prompt_id, (prompt, response)
