"""Ranking as a task: the questions to a judge about all responses to a prompt, as prompts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from string import ascii_uppercase
from typing import Annotated, Any, ClassVar

import polars as pl

from annotators.annotator import Task, each_task, grouped
from annotators.criteria.criterion import criteria_of, judged_by
from annotators.judge.pairing import placed
from engines.model import Models
from engines.operators.collect import DroppedRow, TableRow, to_table
from engines.operators.row_operator import RowOperator, RowSession
from engines.operators.run_rows import run_rows
from engines.operators.system_turns import as_asked
from engines.rows import Response
from schemas import (
    Criteria,
    GeneratingRole,
    Prompts,
    Responses,
    Scores,
    Split,
    Table,
    Takes,
    TemplateName,
    dropped,
    prompt_id,
)


class ListwiseItems(RowOperator):
    """One prompt per prompt: the question of ``template`` to the judge ``model`` about all
    responses to it, in an order that is drawn from their ids. The reference is the true ranking, by
    the mean of their scores of stage ``truth``: "B > A = C". Calls no model.

    With ``by``, a stage of criteria, one prompt per prompt and criterion: the question says the
    criterion as ``criteria``, and the true ranking is by the scores of the annotator of its name.
    So a judge learns to rank the same responses by one principle or another. A ``negated``
    criterion turns the ranking round.

    `annotators.VerdictMatch` scores rankings by their share of rightly ordered pairs. A response is
    dropped if it is in no question: because another response to its prompt has the same text, it
    has no score, or there is nothing to rank: fewer than two or more than 26 responses, or all are
    equal by every criterion.

    Source: Yu et al. 2025, RewardAnything (arXiv:2506.03637).
    """

    gives: ClassVar[type[Table]] = Prompts
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    truth: Annotated[str, Takes(Scores)]
    by: Annotated[str | None, Takes(Criteria)] = None
    model: GeneratingRole = "judge"
    template: TemplateName = "judge_listwise"

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: RowSession) -> Split:
        """`Prompts`, in the order of the responses' prompts."""
        tables, stage = as_asked(self, tables), session.context.stage
        responses, prompts = tables[self.of], tables[self.prompts]
        stated = None if self.by is None else judged_by(tables[self.by])
        scores = _scores(tables[self.truth])
        about = prompts.select("prompt_id", "source_revision", "licence", Prompts.task_text())
        origins = {name: rest for name, *rest in about.iter_rows()}

        async def work(task: Task, models: Models) -> list[TableRow]:
            task_id = task.prompt.prompt_id
            questions: list[TableRow] = []
            ranked: set[str] = set()
            for criterion in [None] if stated is None else criteria_of(task_id, stated):
                scored = _scored(task.responses, scores, criterion)
                if not 2 <= len(scored) <= len(ascii_uppercase):
                    continue
                ordered = [
                    scored[at] for at in placed([one.response_id for one, _ in scored], task_id)
                ]
                reference = _ranking([value for _, value in ordered])
                if ">" not in reference:
                    continue
                question = self.ask(
                    models[self.model],
                    self.template,
                    prompt=task.prompt,
                    responses=[one.text for one, _ in ordered],
                    criteria=None if criterion is None else criterion["text"],
                )
                origin = (task.prompt.source, *origins[task_id])
                questions.append((prompt_id(question), list(question), reference, *origin))
                ranked.update(one.response_id for one, _ in scored)
            reason = "not in a ranking of its prompt" if questions else "nothing to rank"
            others = (each for each in task.positions if each not in ranked)
            return [*questions, *(DroppedRow(each, reason) for each in others)]

        tasks = grouped(responses, prompts)
        split = to_table(
            run_rows(
                ((task.prompt.prompt_id, task) for task in each_task(tasks)),
                work,
                session.context,
                total=tasks.height,
            ),
            Prompts,
            stage=stage,
            unit="prompt_id",
            ids=lambda task: list(task.positions),
        )
        orphans = responses.join(prompts, on="prompt_id", how="anti", maintain_order="left")
        no_prompt = dropped(stage, "prompt not found", orphans["response_id"].to_list())
        return replace(split, dropped=pl.concat([split.dropped, no_prompt]))


Values = Mapping[tuple[str, str | None], float]
"""The mean score by response and annotator; under None, that of all annotators."""


def _scores(scores: pl.DataFrame) -> Values:
    response_scores = scores.filter(pl.col("step").is_null()).drop_nulls("value")
    each = response_scores.group_by("response_id", "annotator").agg(pl.col("value").mean())
    mean = response_scores.group_by("response_id").agg(pl.col("value").mean())
    by_annotator = {(one, annotator): value for one, annotator, value in each.iter_rows()}
    return by_annotator | {(one, None): value for one, value in mean.iter_rows()}


def _scored(
    responses: Sequence[Response], scores: Values, criterion: Mapping[str, Any] | None
) -> list[tuple[Response, float]]:
    """The responses with different texts that have a score, which is higher for better ones."""
    name = None if criterion is None else criterion["name"]
    sign = -1 if criterion is not None and criterion["negated"] else 1
    texts: dict[str, tuple[Response, float]] = {}
    for one in responses:
        value = scores.get((one.response_id, name))
        if value is not None:
            texts.setdefault(one.text, (one, sign * value))
    return list(texts.values())


def _ranking(values: Sequence[float]) -> str:
    """The letters of the responses, as shown, by their values: "B > A = C"."""
    lettered = sorted(zip(values, ascii_uppercase, strict=False), key=lambda one: -one[0])
    levels = groupby(lettered, key=lambda one: one[0])
    return " > ".join(" = ".join(letter for _, letter in level) for _, level in levels)
