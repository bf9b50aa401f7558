"""What a generator is: one that writes responses to one prompt."""

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import polars as pl

from engines.context import Context
from engines.frames import Refused, Rows
from engines.model import Models, Written
from engines.operator import (
    RowOperator,
    each_prompt,
    sampling_parameters,
    sound_text,
    unanswered,
)
from engines.rows import Prompt
from engines.runtime import run_rows
from schemas import Prompts, Responses, Split, Table, Takes, accept, dropped


@dataclass(frozen=True, slots=True)
class Draft:
    """A response as its generator hands it over.

    ``parameters`` is the JSON object of what it was drawn with; ``parents`` are the ids of the
    responses it was made from.
    """

    text: str
    finish: Literal["stop", "length"]
    tokens: int
    model: str | None
    parameters: str
    seed: int | None
    parents: tuple[str, ...] = ()
    steps: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        written: Written,
        *,
        parents: tuple[str, ...] = (),
        steps: tuple[str, ...] | None = None,
    ) -> "Draft":
        """A generation, as it came from the model."""
        return cls(
            written.text,
            written.finish,
            len(written.token_ids),
            written.model,
            sampling_parameters(written.sampling),
            written.seed,
            parents,
            steps,
        )


class Generator(RowOperator):
    """Writes responses. A subclass says how, for one prompt, in ``write``.

    Every prompt has responses in what is kept or a row in what is dropped. A response's id is a
    hash of what it says and what made it, so it does not change with how many others there are.
    """

    gives: ClassVar[type[Table]] = Responses
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(Prompts)] = "prompts"

    @abstractmethod
    async def write(self, prompt: Prompt, models: Models) -> Sequence[Draft]:
        """Responses to ``prompt``. An exception drops the prompt, with the exception's words."""

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """Responses to ``tables[self.of]``, in the order of the prompts."""
        prompts = tables[self.of]
        rows, refused = Rows(Responses), Refused(context.stage)
        operator = self.path

        def keep(number: int, prompt: Prompt, drafts: Sequence[Draft]) -> None:
            made = [_row(number, prompt, operator, i, draft) for i, draft in enumerate(drafts)]
            for row in made:
                rows.add(row)

        run_rows(
            ((prompt.prompt_id, prompt) for prompt in each_prompt(prompts)),
            self.write,
            context,
            total=prompts.height,
            keep=keep,
            fail=lambda number, prompt, *why: refused.add(number, [prompt.prompt_id], *why),
        )
        split = accept(Responses, rows.frame(), stage=context.stage, unit="response_id")
        failed = refused.frame()
        missing = unanswered(prompts["prompt_id"], split.kept["prompt_id"], failed["row_id"])
        none_kept = dropped(context.stage, "no response kept", missing)
        return Split(split.kept, pl.concat([failed, split.dropped, none_kept]))


def _row(number: int, prompt: Prompt, operator: str, index: int, draft: Draft) -> tuple[Any, ...]:
    text = sound_text(draft.text)
    # The text is last, so no part can be read as another: the others hold no unit separator.
    said = "\x1f".join(
        (
            prompt.prompt_id,
            operator,
            draft.model or "",
            draft.parameters,
            str(draft.seed),
            str(index),
            ",".join(draft.parents),
            text,
        )
    )
    return (
        number,
        hashlib.blake2b(said.encode(), digest_size=16).hexdigest(),
        prompt.prompt_id,
        text,
        draft.steps,
        draft.finish,
        draft.tokens,
        operator,
        draft.model,
        draft.parameters,
        draft.seed,
        draft.parents,
    )
