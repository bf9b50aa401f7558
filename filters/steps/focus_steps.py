"""Steps apart from what comes before them."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from filters.filter import Filter, refused
from schemas import Responses, Split, StepLabels, Table, Takes, canonical, content_id, rows

MARK = "\n\nCurrent step:\n"
"""Between what comes before and the current step."""


class FocusSteps(Filter):
    """Each step of a solution as a row of its own, in which the text says where the current step
    begins: what comes before, `MARK`, and the step. So a model that is scored at the end of a text
    sees the step apart from the others.

    Of step labels, rows have the label and the value of the step. ``last``: rows in which the last
    two, three, … steps together are the current step, too, with the label of the last of them.
    Steps without a label and a value give no row. A solution without a row is dropped.

    Of responses that were cut into steps, rows are responses of one step, whose parent is the
    response. `filters.ParentScores` makes the scores of the response of theirs. A response without
    steps is dropped. So is a prompt without a row.

    Source: Wang et al. 2025, Towards Hierarchical Multi-Step Reward Models (arXiv:2503.13551). Its
    public code has such an input, in other words, and gives two steps the label of the later one.
    It also moves some nodes one level up at random, which changes labels at random; that is not
    done here.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = "prompt_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(StepLabels, Responses)]
    last: int = Field(default=1, ge=1)

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        source = tables[self.of]
        if table is StepLabels:
            labelled = [
                pl.col(name).list.drop_nulls().list.len() > 0 for name in ("labels", "values")
            ]
            fits, reason, make = pl.any_horizontal(labelled), "no step is known", self._labelled
        else:
            fits, make = pl.col("steps").is_not_null(), self._responses
            reason = "not cut into steps"
        fitting, unfit = source.filter(fits), source.filter(~fits)
        focused = [row for one in fitting.iter_rows(named=True) for row in make(one)]
        prompts = unfit.select("prompt_id").unique(maintain_order=True)
        without = prompts.join(fitting, on="prompt_id", how="anti", maintain_order="left")
        lost = [refused(unfit, "response_id", reason), refused(without, "prompt_id", reason)]
        return Split(rows(table, focused), pl.concat(lost))

    def _labelled(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        focused = []
        for place, (label, value) in enumerate(zip(row["labels"], row["values"], strict=True)):
            if label is None and value is None:
                continue
            for begin, text in self._texts(row["completions"], place):
                focused.append(
                    {
                        "response_id": content_id(row["response_id"], begin, place),
                        "prompt_id": row["prompt_id"],
                        "prompt": row["prompt"],
                        "completions": [text],
                        "labels": [label],
                        "values": [value],
                        "first_error": 0 if label is False else None,
                    }
                )
        return focused

    def _responses(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        steps = [row["text"][span["start"] : span["end"]] for span in row["steps"]]
        about = json.loads(row["origin"]["parameters"])
        focused = []
        for place in range(len(steps)):
            for begin, text in self._texts(steps, place):
                words = max(1, len(text.split()))
                span = {"start": 0, "end": len(text), "token_start": 0, "token_end": words}
                origin = {"operator": "filters.FocusSteps", "parents": [row["response_id"]]}
                parameters = canonical({**about, "begin": begin, "step": place})
                focused.append(
                    {
                        "response_id": content_id(row["response_id"], begin, place),
                        "prompt_id": row["prompt_id"],
                        "text": text,
                        "steps": [span],
                        "finish": "stop" if place < len(steps) - 1 else row["finish"],
                        "tokens": words,
                        "origin": {**row["origin"], **origin, "parameters": parameters},
                    }
                )
        return focused

    def _texts(self, steps: list[str], place: int) -> list[tuple[int, str]]:
        """The texts whose current step ends with the step at ``place``, each with the number of the
        step that it begins with."""
        begins = range(place, max(place - self.last, -1), -1)
        return [
            (begin, "".join(steps[:begin]) + MARK + "".join(steps[begin : place + 1]))
            for begin in begins
        ]
