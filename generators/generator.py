"""What a generator is: one that writes responses to one prompt."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, ClassVar

import polars as pl

from engines.context import Context
from engines.model import Models
from engines.operators.row_operator import RowOperator, each_prompt
from engines.rows import Prompt
from generators.drafts import Draft, Refusal, written
from schemas import Prompts, Responses, Split, Table, Takes


class Generator(RowOperator):
    """Writes responses. A subclass says how, for one prompt, in ``write``.

    Every prompt has responses in what is kept or a row in what is dropped.
    """

    gives: ClassVar[type[Table]] = Responses
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(Prompts)] = "prompts"

    @abstractmethod
    async def write(self, prompt: Prompt, models: Models) -> Sequence[Draft] | Refusal:
        """Responses to ``prompt``, or why there are none. An exception drops the prompt, with the
        exception's words."""

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """Responses to ``tables[self.of]``, in the order of the prompts."""
        return responses_to(tables[self.of], self.write, context, operator=self.path)


def responses_to(
    prompts: pl.DataFrame,
    write: Callable[[Prompt, Models], Awaitable[Sequence[Draft] | Refusal]],
    context: Context,
    *,
    operator: str,
) -> Split:
    """Responses to each of ``prompts``, in their order, as ``write`` gives them."""
    return written(
        ((prompt.prompt_id, prompt.prompt_id, prompt) for prompt in each_prompt(prompts)),
        write,
        context,
        operator=operator,
        total=prompts.height,
        asked=prompts["prompt_id"],
    )
