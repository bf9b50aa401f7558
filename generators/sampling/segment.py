"""Where the steps of a response lie: by line, by pattern, or where its model was unsure."""

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import AfterValidator, Field, model_validator

from engines.chat.tokenizer import Tokenizing, tokenizing
from engines.context import Context
from engines.model import Models
from engines.operators.collect import FailedRows
from engines.operators.line_steps import line_ends
from engines.operators.row_operator import RowOperator
from engines.operators.run_rows import Failed, run_rows
from engines.rows import Span
from schemas import (
    Dropped,
    Message,
    Prompts,
    Responses,
    ScoringRole,
    Split,
    StageReport,
    Table,
    Takes,
    columns,
    dropped,
    empty,
)

Floats = npt.NDArray[np.float64]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression, in which ^ is the beginning of a line."""


class Segment(RowOperator):
    """The same responses, cut into steps (`schemas.Responses.steps`), which joined are the text.

    ``by: line``: a step is a line with its newline. ``pattern``: a step begins where the regular
    expression ``pattern`` is found (in which ^ is the beginning of a line). ``confidence``: a step
    begins with a token of which ``model`` was less sure than ``below``, a probability, or without
    that than the ``quantile`` of all tokens of the stage's responses: AdaptiveStep (Liu et al.
    2025, arXiv:2502.13943), which takes the lowest 2 %. Lines and parts without words belong to the
    step before them, or to the first. A cut that a token of ``model``'s tokenizer lies across is
    moved on behind it (`engines.chat.tokenizer`).

    A response that ``model`` cannot score, or whose prompt is not there, is dropped where its
    confidence is asked for; else all are kept. Findings: steps a response, and what was cut below.
    """

    gives: ClassVar[type[Table]] = Responses
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)] = "responses"
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    model: ScoringRole = "policy"
    by: Literal["line", "pattern", "confidence"] = "line"
    pattern: Pattern | None = None
    below: float | None = Field(default=None, gt=0, le=1)
    quantile: float = Field(default=0.02, gt=0, lt=1)

    @model_validator(mode="after")
    def _goes_by_one(self) -> "Segment":
        if (self.by == "pattern") != (self.pattern is not None):
            raise ValueError("'pattern' says where a step begins, and goes with by: pattern")
        if self.below is not None and self.by != "confidence":
            raise ValueError("'below' is of the model's confidence, and goes with by: confidence")
        return self

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """``tables[self.of]`` with steps, in its order. Raises `EngineError` where the role has no
        tokenizer that says where tokens lie."""
        responses = tables[self.of]
        lost, report = empty(Dropped), StageReport()
        of = tokenizing(context.roles[self.model])
        unsure: Mapping[str, list[int]] = {}
        if self.by == "confidence":
            unsure, lost, report = self._unsure(responses, tables[self.prompts], of, context)
            responses = responses.filter(pl.col("response_id").is_in(list(unsure)))
        found = [
            spans(of, text, self._wanted(text, unsure.get(response_id, [])))
            for response_id, text in responses.select("response_id", "text").iter_rows()
        ]
        if found:
            report += StageReport(findings={"steps a response": sum(map(len, found)) / len(found)})
        steps = pl.Series(
            "steps",
            [[span._asdict() for span in each] for each in found],
            dtype=columns(Responses)["steps"],
        )
        return Split(responses.with_columns(steps), lost, report)

    def _wanted(self, text: str, unsure: list[int]) -> list[int]:
        """After how many characters the text is to be cut."""
        return unsure if self.by == "confidence" else places(text, self.pattern)

    def _unsure(
        self, responses: pl.DataFrame, prompts: pl.DataFrame, of: Tokenizing, context: Context
    ) -> tuple[dict[str, list[int]], pl.DataFrame, StageReport]:
        """For each response before how many characters its unsure tokens begin; the responses that
        could not be scored; and the report."""
        asked = responses.join(prompts, on="prompt_id", how="inner", maintain_order="left")

        async def work(item: tuple[str, list[Message], str], models: Models) -> Floats:
            _, messages, text = item
            (one,) = await models[self.model].score(messages, [text], end=[False])
            return np.array([math.exp(logprob) for logprob in one.logprobs])

        rows = asked.select("response_id", "messages", "text").iter_rows()
        run = run_rows(((item[0], item) for item in rows), work, context, total=asked.height)
        sure: dict[str, Floats] = {}
        failed = FailedRows(context.stage)
        for outcome in run:
            if isinstance(outcome, Failed):
                failed.add(outcome, [outcome.item[0]])
            else:
                sure[outcome.item[0]] = outcome.result
        below = self.below
        if below is None and sure:
            below = float(np.quantile(np.concatenate(list(sure.values())), self.quantile))
        unsure = {}
        for response_id, text in asked.select("response_id", "text").iter_rows():
            if below is not None and response_id in sure:
                ends = of.tokens(text).ends
                # The first token begins a step however sure the model was of it.
                places = np.flatnonzero(sure[response_id][1:] < below)
                unsure[response_id] = [ends[place] for place in places]
        orphans = responses.join(prompts, on="prompt_id", how="anti", maintain_order="left")
        without = dropped(context.stage, "prompt not found", orphans["response_id"].to_list())
        report = StageReport(run.usage, {"cut below": below})
        return unsure, pl.concat([failed.frame(), without]), report


def places(text: str, pattern: str | None) -> list[int]:
    """After how many characters ``text`` is to be cut: where ``pattern`` is found, or after each
    line without one."""
    if pattern is None:
        return line_ends(text)
    return [found.start() for found in re.finditer(pattern, text, re.MULTILINE)]


def spans(of: Tokenizing, text: str, wanted: list[int]) -> list[Span]:
    """The steps of ``text``, cut after each of ``wanted`` (characters, rising) or, where a token
    lies across that, behind it; a part without words is no step of its own."""
    cuts = of.cuts(text, wanted)
    kept: list[tuple[int, int]] = [(0, 0)]
    for (place, tokens), (after, _) in pairwise(cuts):
        if text[kept[-1][0] : place].strip() and text[place:after].strip():
            kept.append((place, tokens))
    kept.append(cuts[-1])
    return [
        Span(start, end, token_start, token_end)
        for (start, token_start), (end, token_end) in pairwise(kept)
    ]
