"""The rows that two tables have in common, and those of them with different labels.

Ids differ from run to run, so rows are equal if their texts are.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assets.comparing.comparison import Difference, Shared
from assets.rendering.markdown import plain
from assets.storage.dataset_versions import TOLERANCE
from engines.operators.prompt_templates import message_text
from schemas import (
    Criteria,
    Demonstrations,
    Message,
    Pairs,
    Prompts,
    Rankings,
    Responses,
    Scores,
    StepLabels,
    Table,
)

EXAMPLES = 20
"""The most rows with different labels that are kept as examples."""


@dataclass(frozen=True)
class Labelled:
    """A row: what it is known by, its label, and both in words. Equal keys are one row."""

    key: str
    label: str | float | None
    prompt: str
    says: str


Read = Callable[[pl.DataFrame], list[Labelled]]


def rows_in_common(
    stage: str, table: type[Table], first: pl.DataFrame, second: pl.DataFrame
) -> Shared | None:
    """The rows of ``table`` that both frames have; None for a table whose rows have no text.

    Args:
        stage: The stage that the rows are of.
        table: The table of both.
        first: Its rows on the first side. Scores need the columns ``prompt_id`` and ``text`` of
            the scored response.
        second: Its rows on the second side.
    """
    if table not in _READ:
        return None
    unit, label, read = _READ[table]
    one, other = ({each.key: each for each in read(frame)} for frame in (first, second))
    common = [key for key in one if key in other]
    different = [key for key in common if _differ(one[key].label, other[key].label)]
    return Shared(
        stage,
        unit,
        (len(one), len(other)),
        len(common),
        label,
        len(different) if label else None,
        [
            Difference(one[key].prompt, (one[key].says, other[key].says))
            for key in different[:EXAMPLES]
        ],
    )


def _differ(first: str | float | None, second: str | float | None) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return abs(first - second) > TOLERANCE
    return first != second


def _prompts(rows: pl.DataFrame) -> list[Labelled]:
    return [
        Labelled(
            each["prompt_id"],
            each["reference"],
            _joined_text(each["messages"]),
            each["reference"] or "",
        )
        for each in rows.iter_rows(named=True)
    ]


def _responses(rows: pl.DataFrame) -> list[Labelled]:
    return [
        Labelled(_key(prompt, text), None, "", "")
        for prompt, text in rows.select("prompt_id", "text").iter_rows()
    ]


def _scores(rows: pl.DataFrame) -> list[Labelled]:
    names = ("prompt_id", "text", "annotator", "step")
    return [
        Labelled(
            _key(*(each[name] for name in names)),
            each["value"],
            each["text"],
            f"{each['annotator']}: "
            + ("not read" if each["value"] is None else f"{each['value']:.4g}"),
        )
        for each in rows.iter_rows(named=True)
    ]


def _pairs(rows: pl.DataFrame) -> list[Labelled]:
    labelled = []
    for each in rows.iter_rows(named=True):
        sides = [_joined_text(each[side]) for side in ("chosen", "rejected")]
        key = _key(each["prompt_id"], *sorted(sides))
        labelled.append(Labelled(key, sides[0], _joined_text(each["prompt"]), sides[0]))
    return labelled


def _steps(rows: pl.DataFrame) -> list[Labelled]:
    words = {True: "right", False: "wrong", None: "no label"}
    return [
        Labelled(
            _key(each["prompt_id"], *each["completions"]),
            json.dumps(each["labels"]),
            _joined_text(each["prompt"]),
            "\n".join(
                f"{words[label]}: {step.strip()}"
                for label, step in zip(each["labels"], each["completions"], strict=True)
            ),
        )
        for each in rows.iter_rows(named=True)
    ]


def _rankings(rows: pl.DataFrame) -> list[Labelled]:
    return [
        Labelled(
            _key(each["prompt_id"], *sorted(each["completions"])),
            json.dumps(each["completions"]),
            _joined_text(each["prompt"]),
            "\n".join(f"{n}. {text.strip()}" for n, text in enumerate(each["completions"], 1)),
        )
        for each in rows.iter_rows(named=True)
    ]


def _demonstrations(rows: pl.DataFrame) -> list[Labelled]:
    return [
        Labelled(
            _key(each["prompt_id"], _joined_text(each["messages"][-1:])),
            json.dumps(each["loss_spans"]),
            _joined_text(each["messages"][:-1]),
            f"characters {each['loss_spans'] or 'all'}",
        )
        for each in rows.iter_rows(named=True)
    ]


def _criteria(rows: pl.DataFrame) -> list[Labelled]:
    names = ("prompt_id", "rubric", "name")
    return [
        Labelled(_key(*(each[name] for name in names)), each["text"], each["name"], each["text"])
        for each in rows.sort("version").iter_rows(named=True)
    ]


def _joined_text(messages: Sequence[Message]) -> str:
    return message_text(messages[0]) if len(messages) == 1 else plain(messages)


def _key(*parts: object) -> str:
    return json.dumps(parts)


_READ: Mapping[type[Table], tuple[str, str | None, Read]] = {
    Prompts: ("prompts", "reference", _prompts),
    Responses: ("answers to the same prompt", None, _responses),
    Scores: ("scores of the same text", "score", _scores),
    Pairs: ("pairs of the same texts", "chosen text", _pairs),
    StepLabels: ("solutions of the same steps", "labels of the steps", _steps),
    Rankings: ("rankings of the same texts", "order", _rankings),
    Demonstrations: ("demonstrations", "learned part", _demonstrations),
    Criteria: ("criteria of the same name", "text", _criteria),
}
"""What a row of a table is, what its label is, and how it is read."""
