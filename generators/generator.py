"""The base class of generators, which write responses to one prompt at a time."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import polars as pl

from engines.context import Context
from engines.model import Models
from engines.operators.refusal import Refusal
from engines.operators.row_operator import RowOperator, each_prompt
from engines.rows import Prompt
from generators.drafts import Draft, write_responses
from schemas import Prompts, Responses, Split, Table, Takes


class Generator(RowOperator):
    """Base class: writes responses. A subclass implements ``write`` for one prompt.

    Every prompt has responses in the kept table or a row in the dropped table.
    """

    gives: ClassVar[type[Table]] = Responses
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(Prompts)] = "prompts"

    @abstractmethod
    async def write(self, prompt: Prompt, models: Models) -> Sequence[Draft] | Refusal:
        """Responses to ``prompt``, or a refusal. An exception drops the prompt with the exception's
        message."""

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: Any) -> Split:
        """Responses to ``tables[self.of]``, in the order of the prompts."""
        return responses_to(tables[self.of], self.write, session.context, operator=self.path)


def responses_to(
    prompts: pl.DataFrame,
    write: Callable[[Prompt, Models], Awaitable[Sequence[Draft] | Refusal]],
    context: Context,
    *,
    operator: str,
) -> Split:
    """The responses that ``write`` gives to each of ``prompts``, in the order of the prompts."""
    return write_responses(
        ((prompt.prompt_id, prompt.prompt_id, prompt) for prompt in each_prompt(prompts)),
        write,
        context,
        operator=operator,
        total=prompts.height,
        prompt_ids=prompts["prompt_id"],
    )
