"""Cuts responses into steps: at lines, paragraphs, sentences, numbered statements or a pattern, or
where the model was unsure."""

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import AfterValidator, Field, model_validator

from engines.chat.thinking import thought_of
from engines.chat.tokenizer import Tokenizing, tokenizing
from engines.context import Context
from engines.model import Models
from engines.operators.collect import FailedRows
from engines.operators.markdown_blocks import undivided
from engines.operators.premises import BEGINS
from engines.operators.row_operator import RowOperator, RowSession
from engines.operators.run_rows import Failed, run_rows
from engines.operators.step_ends import sentence_ends, step_ends
from engines.operators.system_turns import as_asked
from engines.rows import Span
from schemas import (
    Message,
    ModelDefault,
    Prompts,
    Responses,
    ScoringRole,
    Split,
    StageReport,
    Table,
    Takes,
    columns,
    dropped,
    messages_of,
)

TRANSCRIPT = "it is a transcript, and only an answer of one turn can be cut into steps"
NO_THOUGHT = "the text begins with no thought: put a stage {use: filters.JoinReasoning} before"
Floats = npt.NDArray[np.float64]


def _valid_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_valid_pattern)]
"""A regular expression; ^ matches at the beginning of a line."""


class Segment(RowOperator):
    """The same responses, cut into steps (`schemas.Responses.steps`). The joined steps are the
    text.

    By default as the profile of ``model`` says: by line or by paragraph. ``by: line``: a step is a
    line with its newline. ``by: paragraph``: a step is a paragraph or an
    item of a list. ``by: sentence``: a step is a sentence of ``language`` (ISO 639-1). ``by:
    pattern``: a step begins at each match of the regular expression ``pattern`` (^ matches at the
    beginning of a line). ``by: premises``: a step is a numbered statement that cites others, or the
    line of the answer (`engines.operators.premises`), for `annotators.PremiseCheck`. None of these
    cuts inside a block of code, a table or a displayed formula (`engines.operators.step_ends`).

    ``by: confidence``: a step begins with a token whose probability under ``model`` is less than
    ``below``. Without ``below``, the limit is the ``quantile`` of all tokens of the stage's
    responses: AdaptiveStep (Liu et al. 2025, arXiv:2502.13943), which takes the lowest 2 %.

    ``within: thought`` cuts only the thought with which a text begins (`filters.JoinReasoning`);
    the answer after it is one step, and a response without a thought is dropped. ``within: answer``
    cuts only the answer; the thought is one step. The marks of a thought belong to its steps.

    A line or part without words belongs to the step before it, or to the first step. A cut that
    the tokens of ``model`` do not allow moves (`engines.chat.tokenizer.Tokenizing.cuts`).

    A transcript is dropped: its lines are not all the model's.

    With ``by: confidence``, a response is dropped if ``model`` cannot score it or its prompt is
    missing. Findings: steps per response, and the limit that was used.
    """

    gives: ClassVar[type[Table]] = Responses
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)] = "responses"
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    model: ScoringRole = "policy"
    by: Annotated[
        Literal["line", "paragraph", "sentence", "pattern", "premises", "confidence"],
        ModelDefault("steps"),
    ] = "line"
    within: Literal["both", "answer", "thought"] = "both"
    pattern: Pattern | None = None
    language: str = "en"
    below: float | None = Field(default=None, gt=0, le=1)
    quantile: float = Field(default=0.02, gt=0, lt=1)

    @model_validator(mode="after")
    def _options_fit_by(self) -> "Segment":
        if (self.by == "pattern") != (self.pattern is not None):
            raise ValueError("set both 'by: pattern' and 'pattern', or neither")
        if self.below is not None and self.by != "confidence":
            raise ValueError("'below' is a limit on the model's confidence: set by: confidence too")
        return self

    @property
    def by_prompt(self) -> bool:
        """A quantile is of all tokens."""
        return self.by != "confidence" or self.below is not None

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: RowSession) -> Split:
        """``tables[self.of]`` with steps, in its order.

        Raises:
            EngineError: the role has no tokenizer that gives the positions of tokens.
        """
        context, report = session.context, StageReport()
        one_turn = pl.col("turns").is_null()
        transcripts = tables[self.of].filter(~one_turn)["response_id"].to_list()
        responses = tables[self.of].filter(one_turn)
        lost = dropped(context.stage, TRANSCRIPT, transcripts)
        of = tokenizing(context.roles[self.model])
        if self.within == "thought":
            thinks = pl.Series(
                [thought_of(text)[0] > 0 for text in responses["text"]], dtype=pl.Boolean
            )
            without = responses.filter(~thinks)["response_id"].to_list()
            responses = responses.filter(thinks)
            lost = pl.concat([lost, dropped(context.stage, NO_THOUGHT, without)])
        unsure: Mapping[str, list[int]] = {}
        if self.by == "confidence":
            prompts = as_asked(self, tables)[self.prompts]
            unsure, unscored, report = self._unsure(responses, prompts, of, context)
            lost = pl.concat([lost, unscored])
            responses = responses.filter(pl.col("response_id").is_in(list(unsure)))
        all_steps = [
            spans(of, text, self._offsets(text, unsure.get(response_id, [])))
            for response_id, text in responses.select("response_id", "text").iter_rows()
        ]
        session.counts.update(responses=len(all_steps), steps=sum(map(len, all_steps)))
        steps = pl.Series(
            "steps",
            [[span._asdict() for span in each] for each in all_steps],
            dtype=columns(Responses)["steps"],
        )
        return Split(responses.with_columns(steps), lost, report)

    def report(self, session: RowSession) -> StageReport:
        """The steps of a response."""
        cut = session.counts["responses"]
        findings = {"steps a response": session.counts["steps"] / cut} if cut else {}
        return StageReport(findings=findings)

    def _offsets(self, text: str, unsure: list[int]) -> list[int]:
        """The offsets in characters at which the text should be cut."""
        offsets = self._all_offsets(text, unsure)
        begin, end, answer = thought_of(text)
        if not begin:
            return offsets
        thought = [at for at in offsets if begin < at < end and text[begin:at].strip()]
        after = [at for at in offsets if at > answer]
        return [
            *(thought if self.within != "answer" else []),
            answer,
            *(after if self.within != "thought" else []),
        ]

    def _all_offsets(self, text: str, unsure: list[int]) -> list[int]:
        match self.by:
            case "confidence":
                return unsure
            case "pattern":
                return places(text, self.pattern or "")
            case "premises":
                return places(text, BEGINS)
            case "sentence":
                return sentence_ends(text, self.language)
            case steps:
                return step_ends(text, steps)

    def _unsure(
        self, responses: pl.DataFrame, prompts: pl.DataFrame, of: Tokenizing, context: Context
    ) -> tuple[dict[str, list[int]], pl.DataFrame, StageReport]:
        """Find the tokens that the model was unsure of.

        Returns:
            For each response, the offsets in characters at which its unsure tokens begin; the
                dropped responses; the report.
        """
        scored = responses.join(prompts, on="prompt_id", how="inner", maintain_order="left")

        async def work(item: tuple[str, list[Message], str], models: Models) -> Floats:
            _, messages, text = item
            (one,) = await models[self.model].score(messages_of(messages), [text], end=[False])
            return np.array([math.exp(logprob) for logprob in one.logprobs])

        rows = scored.select("response_id", "messages", "text").iter_rows()
        run = run_rows(((item[0], item) for item in rows), work, context, total=scored.height)
        confidences: dict[str, Floats] = {}
        failed = FailedRows(context.stage)
        for outcome in run:
            if isinstance(outcome, Failed):
                failed.add(outcome, [outcome.item[0]])
            else:
                confidences[outcome.item[0]] = outcome.result
        below = self.below
        if below is None and confidences:
            below = float(np.quantile(np.concatenate(list(confidences.values())), self.quantile))
        unsure = {}
        for response_id, text in scored.select("response_id", "text").iter_rows():
            if below is not None and response_id in confidences:
                ends = of.tokens(text).ends
                # The first token begins a step whatever its probability is.
                places = np.flatnonzero(confidences[response_id][1:] < below)
                unsure[response_id] = [ends[place] for place in places]
        orphans = responses.join(prompts, on="prompt_id", how="anti", maintain_order="left")
        no_prompt = dropped(context.stage, "prompt not found", orphans["response_id"].to_list())
        report = StageReport(run.usage, {"cut below": below})
        return unsure, pl.concat([failed.frame(), no_prompt]), report


def places(text: str, pattern: str) -> list[int]:
    """The offsets in characters at which ``text`` should be cut: at each match of ``pattern``
    outside of code, tables and displayed formulas. A match at the beginning cuts nothing."""
    blocks = undivided(text)
    matches = (match.start() for match in re.finditer(pattern, text, re.MULTILINE))
    return [at for at in matches if at and not any(one.start < at < one.end for one in blocks)]


def spans(of: Tokenizing, text: str, offsets: list[int]) -> list[Span]:
    """The steps of ``text``, cut at each of ``offsets`` (characters, ascending). A cut that
    the tokens do not allow moves (`engines.chat.tokenizer.Tokenizing.cuts`). A part without words
    is not a step."""
    cuts = of.cuts(text, offsets)
    kept: list[tuple[int, int]] = [(0, 0)]
    for (place, tokens), (after, _) in pairwise(cuts):
        if text[kept[-1][0] : place].strip() and text[place:after].strip():
            kept.append((place, tokens))
    kept.append(cuts[-1])
    return [
        Span(start, end, token_start, token_end)
        for (start, token_start), (end, token_end) in pairwise(kept)
    ]
