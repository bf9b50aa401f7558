"""Scores of tokens: one model under two opposed instructions."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

import polars as pl
from pydantic import model_validator

from annotators.annotator import Task, each_task, grouped
from annotators.rewards.log_ratio import text_scores
from engines.chat.tokenizer import Tokenizing, tokenizing
from engines.model import Models
from engines.operators.collect import DroppedRow, TableRow, to_table
from engines.operators.row_operator import RowOperator, RowSession
from engines.operators.run_rows import run_rows
from engines.operators.system_turns import as_asked
from engines.protocol import Scored
from engines.rows import Response
from schemas import (
    Prompts,
    Responses,
    ScoringRole,
    Split,
    Table,
    Takes,
    TemplateName,
    TokenScores,
    canonical,
    dropped,
)


class TokenContrast(RowOperator):
    """For each token of a response how much likelier it is to ``model`` when it is asked for a good
    answer than when it is asked for a bad one, in [-1/2, 1/2].

    s_t = σ(log p(y_t | better(x), y before t) − log p(y_t | worse(x), y before t)) − 1/2

    ``better`` and ``worse`` are templates around the prompt x. The token that ends the turn is
    scored for a finished response. The model's weights must be at hand, whichever engine runs them:
    their tokenizer tells where the tokens end. A response that the engine splits in another way is
    dropped.

    Source: Zhou et al. 2024, T-REG (arXiv:2412.02685). The words of the templates are not the
    paper's, which could not be confirmed.
    """

    gives: ClassVar[type[Table]] = TokenScores
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)] = "responses"
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    model: ScoringRole = "policy"
    better: TemplateName = "answer_better"
    worse: TemplateName = "answer_worse"

    @model_validator(mode="after")
    def _opposed(self) -> "TokenContrast":
        if self.better == self.worse:
            raise ValueError(f"better and worse are both {self.better!r}: all scores would be 0")
        return self

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: RowSession) -> Split:
        """Scores of ``tables[self.of]``, in the order of the responses."""
        tables = as_asked(self, tables)
        responses, prompts = tables[self.of], tables[self.prompts]
        context, tasks = session.context, grouped(responses, prompts)
        reader = tokenizing(context.roles[self.model])

        async def work(task: Task, models: Models) -> list[TableRow]:
            return await self._scores(task, models, reader)

        scored = to_table(
            run_rows(
                ((task.prompt.prompt_id, task) for task in each_task(tasks)),
                work,
                context,
                total=tasks.height,
            ),
            TokenScores,
            stage=context.stage,
            unit="response_id",
            ids=lambda task: list(task.positions),
            position=lambda task, row: task.positions[row[0]],
        )
        orphans = responses.join(prompts, on="prompt_id", how="anti", maintain_order="left")
        no_prompt = dropped(context.stage, "prompt not found", orphans["response_id"].to_list())
        return replace(scored, dropped=pl.concat([scored.dropped, no_prompt]))

    async def _scores(self, task: Task, models: Models, reader: Tokenizing) -> list[TableRow]:
        model = models[self.model]
        better, worse = await asyncio.gather(
            *(
                text_scores(model, self.ask(model, name, prompt=task.prompt), task.responses)
                for name in (self.better, self.worse)
            )
        )
        parameters = canonical({"better": self.better, "worse": self.worse})
        origin = (self.path, model.scoring_revision, parameters, None, ())
        return [
            self._row(*each, reader, origin)
            for each in zip(task.responses, better, worse, strict=True)
        ]

    def _row(
        self,
        response: Response,
        better: Scored,
        worse: Scored,
        reader: Tokenizing,
        origin: Sequence[object],
    ) -> TableRow:
        if response.turns is not None:
            return DroppedRow(response.response_id, "it is a transcript, whose text is no one turn")
        tokens = reader.tokens(response.text)
        ended = response.finish == "stop"
        values = contrast(better.logprobs, worse.logprobs)
        count = len(tokens.ids)
        if better.token_ids[:count] != tokens.ids or len(values) != count + ended:
            reason = "the engine splits its text into other tokens than the model's tokenizer"
            return DroppedRow(response.response_id, reason)
        end = values.pop() if ended else None
        fields = (response.response_id, "token_contrast", reader.digest, list(tokens.ends))
        return (*fields, values, end, *origin)


def contrast(better: Sequence[float], worse: Sequence[float]) -> list[float]:
    """σ(b − w) − 1/2 = tanh((b − w) / 2) / 2 of each pair of log-probs, in [-1/2, 1/2]."""
    return [math.tanh((b - w) / 2) / 2 for b, w in zip(better, worse, strict=True)]
