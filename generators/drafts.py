"""What a generator returns for one item, drafts or a refusal, and how drafts become rows."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import polars as pl

from engines.context import Context
from engines.model import Models, SampledText
from engines.operators.collect import DroppedRow, TableRow, to_table
from engines.operators.cut_off import no_answer, without_answer
from engines.operators.refusal import Refusal
from engines.operators.row_operator import sampling_parameters, sound_text, unanswered
from engines.operators.run_rows import run_rows
from engines.operators.system_turns import SYSTEM
from engines.rows import Span, Turn
from schemas import Responses, Split, canonical, dropped

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Draft:
    """A response before it becomes a row of `Responses`.

    ``parameters`` is a JSON object: the sampling parameters and whatever else made the response.
    ``parents`` are the ids of the responses it was made from. ``reasoning`` is the model's thinking
    before the text. ``turns`` are those of a transcript (`schemas.Responses`).
    """

    text: str
    finish: Literal["stop", "length"]
    tokens: int
    model: str | None
    parameters: str
    seed: int | None
    parents: tuple[str, ...] = ()
    steps: tuple[Span, ...] | None = None
    reasoning: str | None = None
    turns: tuple[Turn, ...] | None = None

    @classmethod
    def of(
        cls,
        sampled: SampledText,
        *,
        parents: tuple[str, ...] = (),
        steps: tuple[Span, ...] | None = None,
        **extra: Any,
    ) -> "Draft":
        """A draft of a text that a model sampled. ``extra`` is added to its ``parameters``, such as
        the kind of error that the prompt asked for."""
        parameters = sampling_parameters(sampled.sampling)
        if extra:
            parameters = canonical(json.loads(parameters) | extra)
        return cls(
            sampled.text,
            sampled.finish,
            sampled.tokens,
            sampled.model,
            parameters,
            sampled.seed,
            parents,
            steps,
            sampled.reasoning,
        )

    @classmethod
    def by_rule(
        cls,
        text: str,
        *,
        parents: tuple[str, ...] = (),
        seed: int | None = None,
        cut: bool = False,
        **extra: Any,
    ) -> "Draft":
        """A draft of a text that no model wrote. ``extra`` becomes its ``parameters``. Its length
        is counted in words, because there is no tokenizer. ``cut``: whether it ends where a
        response was cut off."""
        finish: Literal["stop", "length"] = "length" if cut else "stop"
        return cls(text, finish, len(text.split()), None, canonical(extra), seed, parents)

    def under(self, system: str) -> "Draft":
        """The draft with the system turn that it was written under in its ``parameters``."""
        parameters = json.loads(self.parameters) | {SYSTEM: system}
        return replace(self, parameters=canonical(parameters))


def write_responses(
    items: Iterable[tuple[str, str, Item]],
    write: Callable[[Item, Models], Awaitable[Sequence[Draft] | Refusal]],
    context: Context,
    *,
    operator: str,
    total: int,
    prompt_ids: pl.Series,
) -> Split:
    """Write responses for ``items`` and return them as `Responses`, in the order of the items.

    Args:
        items: (row id, prompt id, item) of each.
        write: returns the drafts of one item, or a refusal.
        context: the stage and its run.
        operator: the path of the operator, which is part of a response's id.
        total: how many items there are.
        prompt_ids: the prompts that should get a response.

    Returns:
        The responses. A row that failed or was refused is dropped under its row id. A draft
            with reasoning and no answer is dropped under its response id. A prompt that has no
            response left is dropped too, unless its own row was.

    A response's id is a hash of its text and of what made it, so other responses do not change it.
    """

    async def work(item: tuple[str, str, Item], models: Models) -> list[TableRow]:
        row_id, prompt_id, content = item
        drafts = await write(content, models)
        if isinstance(drafts, Refusal):
            return [DroppedRow(row_id, drafts.reason, drafts.numbers)]
        if not (isinstance(drafts, Sequence) and all(isinstance(one, Draft) for one in drafts)):
            raise TypeError(f"{operator} gave {drafts!r:.60}, not a list of Draft, nor a Refusal")
        return [_row(prompt_id, operator, index, draft) for index, draft in enumerate(drafts)]

    run = run_rows(((item[0], item) for item in items), work, context, total=total)
    split = to_table(
        run, Responses, stage=context.stage, unit="response_id", ids=lambda item: [item[0]]
    )
    missing = unanswered(prompt_ids, split.kept["prompt_id"], split.dropped["row_id"])
    none_kept = dropped(context.stage, "no response kept", missing)
    return replace(split, dropped=pl.concat([split.dropped, none_kept]))


def _row(prompt_id: str, operator: str, index: int, draft: Draft) -> TableRow:
    """The draft as a row of `Responses`, or as a dropped row if it has reasoning and no answer."""
    row = _columns(prompt_id, operator, index, draft)
    if not without_answer(draft):
        return row
    return DroppedRow(row[0], no_answer(draft), {"tokens": draft.tokens, "finish": draft.finish})


def _columns(prompt_id: str, operator: str, index: int, draft: Draft) -> tuple[Any, ...]:
    text = sound_text(draft.text)
    # The other parts hold no unit separator and the text is last, so the parts stay distinct.
    identity = "\x1f".join(
        (
            prompt_id,
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
        hashlib.blake2b(identity.encode(), digest_size=16).hexdigest(),
        prompt_id,
        text,
        None if draft.reasoning is None else sound_text(draft.reasoning),
        None if draft.steps is None else [span._asdict() for span in draft.steps],
        None if draft.turns is None else [turn._asdict() for turn in draft.turns],
        draft.finish,
        draft.tokens,
        operator,
        draft.model,
        draft.parameters,
        draft.seed,
        draft.parents,
    )
