"""What a template shows of other stages beside a response."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import polars as pl
from pydantic import AfterValidator, BeforeValidator

from engines.operators.refusal import Refusal
from schemas import Pairs, Responses, Scores, Takes

_RESERVED = ("prompt", "reference", "response", "model", "template", "begun")
"""Names that `engines.operators.row_operator.RowOperator.ask` has a use of its own for."""


def _named(stages: Any) -> Any:
    return {name: name for name in stages} if isinstance(stages, list | tuple) else stages


def _variables(shown: Mapping[str, str]) -> Mapping[str, str]:
    for name in shown.values():
        if not name.isidentifier() or name in _RESERVED:
            raise ValueError(
                f"{name!r} cannot be a variable of a template: give it another name, {{stage: "
                "variable}"
            )
    return shown


ShownStages = Annotated[
    Mapping[str, str],
    Takes(Responses, Scores, Pairs),
    BeforeValidator(_named),
    AfterValidator(_variables),
]
"""Stages, each with the name of its variable in a template, or a list of stages that are variables
of their own names."""

About = tuple[str, Any]
"""The id of a response, and what is shown with it."""


def shown_with(
    responses: pl.DataFrame, tables: Mapping[str, pl.DataFrame], stages: Mapping[str, str]
) -> dict[str, dict[str, list[Any]] | Refusal]:
    """What each of ``responses`` is shown with (``shown`` of `generators.Rewrite`).

    Args:
        responses: the rows that are rewritten.
        tables: the tables of the stages: `schemas.Responses`, `schemas.Scores` or `schemas.Pairs`.
        stages: the name of the variable of each stage.

    Returns:
        By response id, the lists of the variables, in the order of the rows; or why a stage has
            nothing to show.
    """
    variables_by_id: dict[str, dict[str, list[Any]] | Refusal] = {
        response_id: {} for response_id in responses["response_id"]
    }
    for stage, variable in stages.items():
        each = defaultdict[str, list[Any]](list)
        for response_id, value in _about(tables[stage], responses):
            each[response_id].append(value)
        for response_id, variables in variables_by_id.items():
            if isinstance(variables, Refusal):
                continue
            values = each.get(response_id)
            error = next((one for one in values or () if isinstance(one, Refusal)), None)
            if values is None:
                error = Refusal(f"stage {stage!r} has nothing about it")
            if error is not None:
                variables_by_id[response_id] = error
            else:
                variables.setdefault(variable, []).extend(values or ())
    return variables_by_id


def _about(table: pl.DataFrame, responses: pl.DataFrame) -> Iterator[About]:
    if "chosen_id" in table.columns:
        yield from _rejected(table)
    elif "annotator" in table.columns:
        yield from _scores(table)
    else:
        yield from _texts(table, responses)


def _texts(table: pl.DataFrame, responses: pl.DataFrame) -> Iterator[About]:
    """Texts that were made from a response, and those that it was made from."""
    texts = {}
    for response_id, text, parents in with_parents(table, "text"):
        texts[response_id] = text
        yield from ((parent, text) for parent in parents)
    for response_id, parents in with_parents(responses):
        yield from ((response_id, texts[parent]) for parent in parents if parent in texts)


def with_parents(frame: pl.DataFrame, *names: str) -> Iterator[Any]:
    """The id of each of some responses, the columns ``names`` of it, and the ids of its parents."""
    parents = pl.col("origin").struct.field("parents")
    return frame.select("response_id", *names, parents).iter_rows()


def _scores(table: pl.DataFrame) -> Iterator[About]:
    response_scores = table.filter(pl.col("step").is_null())
    for response_id, name, value, raw, error in response_scores.select(
        "response_id", "annotator", "value", "raw", "error"
    ).iter_rows():
        if error is not None:
            yield response_id, Refusal("a score is an error", {"annotator": name, "error": error})
        else:
            yield response_id, {"name": name, "value": value, "said": _words(raw or "")}


def _words(raw: str) -> str:
    """The text of a judge; of a checklist, each of its items with the answer, from 0 to 1."""
    try:
        record = json.loads(raw)
        items = zip(record["items"], record["answers"], strict=True)
        return "\n".join(f"{item} {answer:.1f}" for item, answer in items)
    except (ValueError, TypeError, KeyError):
        return raw


def _rejected(table: pl.DataFrame) -> Iterator[About]:
    content = pl.col("rejected").list.eval(pl.element().struct.field("content")).list.join("\n\n")
    return table.select("chosen_id", content.alias("text")).iter_rows()
