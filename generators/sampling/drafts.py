"""What generators hand over, and how it becomes rows: drafts, or the refusal to write any."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import polars as pl

from engines.model import Models, Written
from engines.operators.context import Context
from engines.operators.cut_off import no_answer, without_answer
from engines.operators.row_operator import sampling_parameters, sound_text, unanswered
from engines.rows import Span
from engines.runtime.collect import Refused, Rows
from engines.runtime.rows import run_rows
from schemas import Dropped, Responses, Split, accept, canonical, dropped, rows

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
        written: Written,
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
    made, failed = Rows(Responses), Refused(context.stage)
    refusals: list[tuple[int, str, Refusal]] = []
    unanswering: list[tuple[int, str, Refusal]] = []

    async def work(item: tuple[str, str, Item], models: Models) -> Sequence[Draft] | Refusal:
        return await write(item[2], models)

    def keep(number: int, item: tuple[str, str, Item], drafts: Sequence[Draft] | Refusal) -> None:
        if isinstance(drafts, Refusal):
            refusals.append((number, item[0], drafts))
            return
        for row, draft in [
            (_row(number, item[1], operator, i, draft), draft) for i, draft in enumerate(drafts)
        ]:
            if without_answer(draft):
                numbers = {"tokens": draft.tokens, "finish": draft.finish}
                unanswering.append((number, row[1], Refusal(no_answer(draft), numbers)))
            else:
                made.add(row)

    run_rows(
        ((item[0], item) for item in items),
        work,
        context,
        total=total,
        keep=keep,
        fail=lambda number, item, *why: failed.add(number, [item[0]], *why),
    )
    split = accept(Responses, made.frame(), stage=context.stage, unit="response_id")
    refused = pl.concat([failed.frame(), _refused(context.stage, refusals)])
    missing = unanswered(asked, split.kept["prompt_id"], refused["row_id"])
    none_kept = dropped(context.stage, "no response kept", missing)
    thoughts = _refused(context.stage, unanswering)
    return Split(split.kept, pl.concat([refused, thoughts, split.dropped, none_kept]))


def _refused(stage: str, refusals: list[tuple[int, str, Refusal]]) -> pl.DataFrame:
    """`Dropped` rows, in the order of the input."""
    ordered = sorted(refusals, key=lambda one: one[0])
    return rows(
        Dropped,
        [
            {
                "row_id": row_id,
                "stage": stage,
                "reason": refusal.reason,
                "numbers": canonical(dict(refusal.numbers)),
            }
            for _, row_id, refusal in ordered
        ],
    )


def _row(number: int, prompt_id: str, operator: str, index: int, draft: Draft) -> tuple[Any, ...]:
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
        number,
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
