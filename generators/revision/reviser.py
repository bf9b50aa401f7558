"""The base class of revisers, which write responses from responses."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import polars as pl

from engines.model import Models
from engines.operators.refusal import Refusal
from engines.operators.row_operator import RowOperator, RowSession
from engines.operators.system_turns import as_asked, system_of
from engines.rows import RESPONSE, Prompt, Response, response_of
from generators.drafts import Draft, write_responses
from schemas import Prompts, Responses, Split, Table, Takes, dropped, messages_of

_COLUMNS = ("prompt_id", "messages", "reference", "source")
TRANSCRIPT = "it is a transcript, and only an answer of one turn can be revised"


class Reviser(RowOperator):
    """Base class: writes responses from responses. A subclass implements ``revise`` for one
    response.

    The drafts name the original response as their parent. Seeds are derived from the id of the
    original, so other responses to the prompt do not change the result. A response with no result
    is dropped with the reason. Its prompt is dropped too if none of its responses has a result.
    """

    gives: ClassVar[type[Table]] = Responses
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(Responses)] = "responses"
    prompts: Annotated[str, Takes(Prompts)] = "prompts"

    @abstractmethod
    async def revise(
        self, prompt: Prompt, response: Response, remark: Any, models: Models
    ) -> Sequence[Draft] | Refusal:
        """Responses made from ``response``, or a refusal. ``remark`` is the value that `remarks`
        has for this response. An exception drops the response with the exception's message."""

    def remarks(self, tables: Mapping[str, pl.DataFrame]) -> Mapping[str, Any]:
        """What is known about each response in addition to its text, by response id."""
        return {}

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: RowSession) -> Split:
        """Responses made from ``tables[self.of]``, in their order."""
        context = session.context
        responses, remarks = tables[self.of], self.remarks(tables)
        tables = as_asked(self, tables)
        prompts = tables[self.prompts].select(_COLUMNS)
        tasks = responses.select("prompt_id", *RESPONSE).join(
            prompts, on="prompt_id", how="inner", maintain_order="left"
        )

        async def write(task: tuple[Prompt, Response], models: Models) -> Sequence[Draft] | Refusal:
            prompt, response = task
            if response.turns is not None:
                return Refusal(TRANSCRIPT)
            remark = remarks.get(response.response_id)
            drafts = await self.revise(prompt, response, remark, models)
            system = system_of(response.origin["parameters"])
            if isinstance(drafts, Refusal) or system is None:
                return drafts
            return [draft.under(system) for draft in drafts]

        prompt_ids = responses["prompt_id"].unique(maintain_order=True)
        split = write_responses(
            _each_task(tasks),
            write,
            context,
            operator=self.path,
            total=tasks.height,
            prompt_ids=prompt_ids.filter(prompt_ids.is_in(prompts["prompt_id"].implode())),
        )
        orphans = prompt_ids.filter(~prompt_ids.is_in(prompts["prompt_id"].implode())).to_list()
        lost = dropped(context.stage, "prompt not found", orphans)
        return replace(split, dropped=pl.concat([split.dropped, lost]))


def _each_task(tasks: pl.DataFrame) -> Iterator[tuple[str, str, tuple[Prompt, Response]]]:
    for row in tasks.select(*_COLUMNS, *RESPONSE).iter_rows():
        prompt_id, messages, reference, source, *cells = row
        prompt = Prompt(prompt_id, messages_of(messages), reference, source)
        response = response_of(prompt_id, cells)
        yield response.response_id, prompt_id, (prompt, response)
