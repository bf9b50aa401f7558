"""The questions that models were asked about a prompt and the answers to it.

A stage runs again on the rows of this prompt alone. Its questions are built as in the run, from
the stored rows and the templates; no model is asked, and answers come from the journal.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from assets.config.errors import FactoryError
from assets.execution.execute_stage import with_batch
from assets.execution.stage_context import RecipeContext, carried, stage_context
from assets.execution.unasked import unasked_engine
from assets.project.project import Project
from assets.project.recipe_plan import Stage
from engines.journal.reader import JournalReader
from engines.operators.prompt_templates import message_text
from engines.operators.row_operator import RowOperator
from engines.protocol import EngineError
from engines.transcript import Asked
from schemas import Message, Nodes, Responses, Scores, canonical


@dataclass(frozen=True)
class Question:
    """A question to a model.

    Attributes:
        stage: The stage that asked it.
        role: The role of the model.
        verb: ``generate``, ``score``, ``choose`` or ``reward``.
        about: The ids of the answers, nodes or prompts that it is about.
        messages: The question as turns.
        text: The question as the model reads it, with its chat template; None if a server applies
            the template.
        journaled: Whether the journal has an answer of this model to exactly this question. If not,
            the row, a template, the recipe or the model has changed since, or the journal is
            another one.
        times: How often it was asked: once for each sample and each option.
        continues: The beginning of an answer that it asks to continue, as searches and rollouts do;
            empty if it asks for a whole answer.
    """

    stage: str
    role: str
    verb: str
    about: Sequence[str]
    messages: Sequence[Message]
    text: str | None
    journaled: bool
    times: int
    continues: str = ""


@dataclass(frozen=True)
class Questions:
    """The questions of stages. ``unknown`` says why those of a stage are not known."""

    asked: Sequence[Question]
    unknown: Mapping[str, str]


def questions(
    project: Project,
    recipe: str,
    stages: Sequence[Stage],
    *,
    refresh: str,
    read: Mapping[str, pl.DataFrame],
) -> Questions:
    """The questions of stages about the rows of ``read``.

    Args:
        project: The project.
        recipe: The name of the recipe.
        stages: The stages of the recipe, of which those that score, answer or search are asked.
        refresh: The refresh.
        read: The rows about one prompt in each table of the refresh, by stage.
    """
    listed: list[Question] = []
    unknown: dict[str, str] = {}
    spec = project.recipes[recipe]
    context = RecipeContext.of(spec, spec.planned(project.settings))
    for stage in stages:
        asks = isinstance(stage.operator, RowOperator) and stage.operator.roles()
        if not asks or stage.gives not in (Scores, Responses, Nodes) or stage.name not in read:
            continue
        missing = [name for name in stage.reads if name not in read]
        if missing:
            unknown[stage.name] = f"the table {missing[0]!r} is not stored"
            continue
        try:
            listed += _stage_questions(stage, context, project, refresh, read)
        except (EngineError, FactoryError, OSError) as error:
            unknown[stage.name] = str(error)
    return Questions(listed, unknown)


def _stage_questions(
    stage: Stage,
    recipe: RecipeContext,
    project: Project,
    refresh: str,
    read: Mapping[str, pl.DataFrame],
) -> Iterator[Question]:
    transcript: list[Asked] = []
    context = replace(
        stage_context(
            stage.name,
            recipe,
            refresh=refresh,
            settings=project.settings,
            tables=project.tables,
            checks=project.checks,
            progress=False,
        ),
        gives=stage.gives,
        failure_limit=1.0,
        transcript=transcript.append,
        open_engine=unasked_engine,
        open_journal=JournalReader,
    )
    earlier = carried(
        stage, recipe, refresh=refresh, settings=project.settings, tables=project.tables
    )
    tables = {name: read[name] for name in stage.reads} | earlier
    stage.operator.run(tables, with_batch(stage, tables, context))
    same: dict[tuple[str, ...], list[Asked]] = defaultdict(list)
    for one in transcript:
        same[one.role, one.verb, one.row_id, one.prompt.text].append(one)
    for asked in same.values():
        first = asked[0]
        messages = first.prompt.messages
        templated = first.prompt.text != canonical(messages)
        last = messages[-1]
        continues = first.verb == "generate" and last["role"] == "assistant"
        yield Question(
            stage.name,
            first.role,
            first.verb,
            first.row_id.split("|"),
            messages,
            first.prompt.text if templated else None,
            all(one.journaled for one in asked),
            len(asked),
            message_text(last) if continues else "",
        )
