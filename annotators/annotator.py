"""The base class of annotators, which score the responses to one prompt at a time."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from numbers import Real
from typing import Annotated, ClassVar

import polars as pl

from engines.context import Context
from engines.model import Models
from engines.operators.collect import TableRow, to_table
from engines.operators.row_operator import RowOperator, sound_text, unanswered
from engines.operators.run_rows import run_rows
from engines.operators.scores import Score, ScorerSession
from engines.operators.system_turns import as_asked
from engines.rows import RESPONSE, Prompt, Response, response_of
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
    messages_of,
)


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt, its responses, and the row numbers of these by id."""

    prompt: Prompt
    responses: tuple[Response, ...]
    positions: Mapping[str, int]


class Annotator(RowOperator):
    """Base class: scores responses. A subclass implements ``score`` for one prompt with all its
    responses.

    If one score of a response breaks a rule (a step's score that is not a number, for example), the
    response is dropped with all its scores, because the other steps alone would be misleading.
    """

    gives: ClassVar[type[Table]] = Scores
    unit: ClassVar[str] = "response_id"
    names_steps: ClassVar[bool] = False
    """Whether the score of a whole response is the index of its first wrong step, −1 for none. Such
    a score is a position: higher is not better."""

    of: Annotated[str, Takes(Responses)] = "responses"
    prompts: Annotated[str, Takes(Prompts)] = "prompts"

    @property
    def compares(self) -> bool:
        """Whether responses are shown two at a time, so that their order may matter. The score is
        then the share of the comparisons that a response wins, in [0, 1]."""
        return False

    @abstractmethod
    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> Sequence[Score]:
        """Scores of ``responses``. An exception drops all of them with the exception's message."""

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        """``context`` as ``score`` needs it, for example with a role bound to the weights of an
        earlier stage.

        Raises:
            EngineError: nothing can be scored.
        """
        return context

    def findings(self, counts: Mapping[str, int]) -> Findings:
        """Figures about the annotator, from the counts that ``score`` added to
        ``models.counts``."""
        return {}

    def report(self, session: ScorerSession) -> StageReport:
        """What the stage reports of a session that has ended."""
        return StageReport(findings=session.findings)

    @contextmanager
    def session(
        self, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> Iterator[ScorerSession]:
        """The session of the annotator in one stage: its own stage, or that of an operator that
        contains it.

        It begins with `prepared` and ends with `findings`. Models that are opened meanwhile are
        closed by `run_rows`.
        """
        session = ScorerSession(self.score, self.prepared(tables, context))
        yield session
        session.findings = self.findings(session.counts)

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: ScorerSession) -> Split:
        """Scores of ``tables[self.of]``, in the order of the responses."""
        tables = as_asked(self, tables)
        responses, prompts = tables[self.of], tables[self.prompts]
        stage, operator = session.context.stage, self.path
        tasks = grouped(responses, prompts)

        async def work(task: Task, models: Models) -> list[TableRow]:
            scores = await session.score(task.prompt, task.responses, models)
            if not isinstance(scores, Sequence):
                raise TypeError(f"{operator} gave {_kind(scores)}, not a list of Score")
            return [_row(task, operator, score) for score in scores]

        scored = to_table(
            run_rows(
                ((task.prompt.prompt_id, task) for task in each_task(tasks)),
                work,
                session.context,
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
        no_prompt = dropped(stage, "prompt not found", orphans["response_id"].to_list())
        with_reason = pl.concat([scored.dropped, no_prompt])
        unscored = unanswered(
            responses["response_id"], scored.kept["response_id"], with_reason["row_id"]
        )
        lost = pl.concat([with_reason, dropped(stage, "no score", unscored)])
        return replace(scored, dropped=lost)


def grouped(responses: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """One row per prompt, with its responses as lists."""
    columns = ["position", *RESPONSE]
    groups = responses.with_row_index("position").group_by("prompt_id", maintain_order=True)
    tasks = prompts.select("prompt_id", "messages", "reference", "source")
    return groups.agg(columns).join(tasks, on="prompt_id", how="inner", maintain_order="left")


def each_task(tasks: pl.DataFrame) -> Iterator[Task]:
    for prompt_id, positions, *lists, messages, reference, source in tasks.iter_rows():
        yield Task(
            Prompt(prompt_id, messages_of(messages), reference, source),
            tuple(response_of(prompt_id, cells) for cells in zip(*lists, strict=True)),
            dict(zip(lists[0], positions, strict=True)),
        )


def _row(task: Task, operator: str, score: Score) -> TableRow:
    if not isinstance(score, Score):
        raise TypeError(f"{operator} gave {_kind(score)} in its list, not a Score")
    if not (score.value is None or isinstance(score.value, Real)):
        raise TypeError(
            f"{operator} gave a score whose value is {_kind(score.value)}, not a number"
        )
    if score.response_id not in task.positions:
        raise ValueError(f"scored {score.response_id!r}, which is not a response to this prompt")
    return (
        score.response_id,
        score.step,
        score.annotator,
        None if score.value is None else float(score.value),
        None if score.raw is None else sound_text(score.raw),
        score.error,
        score.mass,
        operator,
        score.model,
        score.parameters,
        score.seed,
        score.parents,
    )


def _kind(value: object) -> str:
    """A value of a wrong type, in an error message."""
    return f"{type(value).__name__} {value!r:.60}"
