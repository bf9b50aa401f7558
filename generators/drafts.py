"""What generators hand over, and how it becomes rows: drafts, or the refusal to write any."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import polars as pl

from engines.context import Context
from engines.model import Models, SampledText
from engines.operators.collect import DroppedRow, TableRow, to_table
from engines.operators.cut_off import no_answer, without_answer
from engines.operators.row_operator import sampling_parameters, sound_text, unanswered
from engines.operators.run_rows import run_rows
from engines.rows import Span
from schemas import Responses, Split, canonical, dropped

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Draft:
    """A response as its generator hands it over.

    ``parameters`` is the JSON object of what it was drawn with; ``parents`` are the ids of the
    responses it was made from; ``reasoning`` is the model's thought before the text.
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

    @classmethod
    def of(
        cls,
        written: SampledText,
        *,
        parents: tuple[str, ...] = (),
        steps: tuple[Span, ...] | None = None,
        **made: Any,
    ) -> "Draft":
        """A generation, as it came from the model. ``made`` joins its ``parameters``: what beside
        the sampling made it what it is (the kind of error asked for, say)."""
        parameters = sampling_parameters(written.sampling)
        if made:
            parameters = canonical(json.loads(parameters) | made)
        return cls(
            written.text,
            written.finish,
            written.tokens,
            written.model,
            parameters,
            written.seed,
            parents,
            steps,
            written.reasoning,
        )

    @classmethod
    def by_rule(
        cls, text: str, *, parents: tuple[str, ...] = (), seed: int | None = None, **made: Any
    ) -> "Draft":
        """A text that no model wrote, made as ``made`` says. Its length is in words, since nobody's
        tokens it is written in."""
        return cls(text, "stop", len(text.split()), None, canonical(made), seed, parents)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is nothing to write for a row, and the ``numbers`` (JSON values) that decided it.

    An exception would say that something failed, and counts towards the run's failure limit; a
    row that does not call for a response has not failed.
    """

    reason: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


def written(
    items: Iterable[tuple[str, str, Item]],
    write: Callable[[Item, Models], Awaitable[Sequence[Draft] | Refusal]],
    context: Context,
    *,
    operator: str,
    total: int,
    asked: pl.Series,
) -> Split:
    """`Responses` of ``items`` (row id, prompt id, item), in their order, each from ``write``.

    A row that fails, or is refused, is dropped under its id; a thought without an answer under
    that of the response it would have been; so is each prompt of ``asked`` (ids)
    that no response is left of, unless it is such a row. ``total`` counts the items. A response's
    id is a hash of what it says and what made it, so it does not change with how many others there
    are.
    """

    async def work(item: tuple[str, str, Item], models: Models) -> list[TableRow]:
        row_id, prompt_id, asked_for = item
        drafts = await write(asked_for, models)
        if isinstance(drafts, Refusal):
            return [DroppedRow(row_id, drafts.reason, drafts.numbers)]
        return [_row(prompt_id, operator, index, draft) for index, draft in enumerate(drafts)]

    run = run_rows(((item[0], item) for item in items), work, context, total=total)
    split = to_table(
        run, Responses, stage=context.stage, unit="response_id", ids=lambda item: [item[0]]
    )
    missing = unanswered(asked, split.kept["prompt_id"], split.dropped["row_id"])
    none_kept = dropped(context.stage, "no response kept", missing)
    return replace(split, dropped=pl.concat([split.dropped, none_kept]))


def _row(prompt_id: str, operator: str, index: int, draft: Draft) -> TableRow:
    """The draft as a row of `Responses`; dropped where it is a thought without an answer."""
    row = _columns(prompt_id, operator, index, draft)
    if not without_answer(draft):
        return row
    return DroppedRow(row[0], no_answer(draft), {"tokens": draft.tokens, "finish": draft.finish})


def _columns(prompt_id: str, operator: str, index: int, draft: Draft) -> tuple[Any, ...]:
    text = sound_text(draft.text)
    # The text is last, so no part can be read as another: the others hold no unit separator.
    said = "\x1f".join(
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
        hashlib.blake2b(said.encode(), digest_size=16).hexdigest(),
        prompt_id,
        text,
        None if draft.reasoning is None else sound_text(draft.reasoning),
        None if draft.steps is None else [span._asdict() for span in draft.steps],
        draft.finish,
        draft.tokens,
        operator,
        draft.model,
        draft.parameters,
        draft.seed,
        draft.parents,
    )
