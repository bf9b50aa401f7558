"""What an annotator is: one that scores the responses to one prompt."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import polars as pl

from engines.context import Context
from engines.model import Models
from engines.operators.collect import TableRow, to_table
from engines.operators.row_operator import RowOperator, sound_text, unanswered
from engines.operators.run_rows import run_rows
from engines.operators.scores import Score, ScorerSession
from engines.rows import Prompt, Response, spans
from schemas import (
    Findings,
    Prompts,
    Responses,
    Scores,
    Split,
    StageReport,
    Table,
    Takes,
    dropped,
)


@dataclass(frozen=True, slots=True)
class _Task:
    """A prompt, its responses, and where each of these is in the table."""

    prompt: Prompt
    responses: tuple[Response, ...]
    positions: Mapping[str, int]


class Annotator(RowOperator):
    """Scores responses. A subclass says how, for one prompt with all its responses, in ``score``.

    A response is scored whole or not at all: if a rule refuses one of its scores (a step's that is
    not a number, say) the response is dropped, for the other steps alone would be misleading.
    """

    gives: ClassVar[type[Table]] = Scores
    unit: ClassVar[str] = "response_id"
    names_steps: ClassVar[bool] = False
    """Whether the score of a whole response is the index of its first wrong step, −1 for none: a
    place, which is not better for being higher."""

    of: Annotated[str, Takes(Responses)] = "responses"
    prompts: Annotated[str, Takes(Prompts)] = "prompts"

    @abstractmethod
    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> Sequence[Score]:
        """Opinions of ``responses``. An exception drops them all, with the exception's words."""

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        """``context`` as ``score`` needs it: a role bound to what an earlier stage trained, say.

        Raises `EngineError` where nothing can be scored.
        """
        return context

    def findings(self, counts: Mapping[str, int]) -> Findings:
        """Figures to show of the annotator, from what ``score`` counted in ``models.counts``."""
        return {}

    @contextmanager
    def session(
        self, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> Iterator[ScorerSession]:
        """The annotator's life in one stage, its own or that of an operator that it is inside of.

        It begins with `prepared` and ends with `findings`. Models that were opened meanwhile are
        closed with the run of rows that called them.
        """
        session = ScorerSession(self.score, self.prepared(tables, context))
        yield session
        session.findings = self.findings(session.counts)

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """Scores of ``tables[self.of]``, in the order of the responses."""
        responses, prompts = tables[self.of], tables[self.prompts]
        stage, operator = context.stage, self.path
        tasks = _grouped(responses, prompts)
        with self.session(tables, context) as scorer:

            async def work(task: _Task, models: Models) -> list[TableRow]:
                opinions = await scorer.score(task.prompt, task.responses, models)
                return [_row(task, operator, opinion) for opinion in opinions]

            scored = to_table(
                run_rows(
                    ((task.prompt.prompt_id, task) for task in _each_task(tasks)),
                    work,
                    scorer.context,
                    total=tasks.height,
                ),
                Scores,
                stage=stage,
                unit="response_id",
                ids=lambda task: list(task.positions),
                position=lambda task, row: task.positions[row[0]],
                together=True,
            )
        orphans = responses.join(prompts, on="prompt_id", how="anti", maintain_order="left")
        without = dropped(stage, "prompt not found", orphans["response_id"].to_list())
        named = pl.concat([scored.dropped, without])
        silent = unanswered(responses["response_id"], scored.kept["response_id"], named["row_id"])
        lost = pl.concat([named, dropped(stage, "no score", silent)])
        return replace(scored, dropped=lost).with_report(StageReport(findings=scorer.findings))


_RESPONSE = ("response_id", "text", "finish", "origin", "steps", "tokens", "reasoning")


def _grouped(responses: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """One row a prompt, its responses as lists."""
    columns = ["position", *_RESPONSE]
    groups = responses.with_row_index("position").group_by("prompt_id", maintain_order=True)
    tasks = prompts.select("prompt_id", "messages", "reference", "source")
    return groups.agg(columns).join(tasks, on="prompt_id", how="inner", maintain_order="left")


def _each_task(tasks: pl.DataFrame) -> Iterator[_Task]:
    for prompt_id, positions, *lists, messages, reference, source in tasks.iter_rows():
        yield _Task(
            Prompt(prompt_id, tuple(messages), reference, source),
            tuple(
                Response(response_id, prompt_id, text, finish, origin, spans(cut), *more)
                for response_id, text, finish, origin, cut, *more in zip(*lists, strict=True)
            ),
            dict(zip(lists[0], positions, strict=True)),
        )


def _row(task: _Task, operator: str, opinion: Score) -> TableRow:
    if opinion.response_id not in task.positions:
        raise ValueError(f"scored {opinion.response_id!r}, which is no response to this prompt")
    return (
        opinion.response_id,
        opinion.step,
        opinion.annotator,
        opinion.value,
        None if opinion.raw is None else sound_text(opinion.raw),
        opinion.error,
        operator,
        opinion.model,
        opinion.parameters,
        opinion.seed,
        opinion.parents,
    )
