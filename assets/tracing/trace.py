"""Traces a row: its prompt, all answers to that prompt, their steps, every score of each, and what
models were asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.config.errors import RecipeError
from assets.project.project import Project
from assets.project.recipe_plan import Stage
from assets.provenance.reproduction import changed_parameters
from assets.rendering.token_words import strongest
from assets.tracing.asked_steps import continued, questions_of, with_questions
from assets.tracing.find_row import FoundRow, find_row
from assets.tracing.questions import Question, Questions, questions
from assets.tracing.read_tables import about_prompts, prompt_of, stored_tables
from assets.tracing.steps import Step, path_to, steps_of
from engines.operators.prompt_templates import message_text
from schemas import Prompts, content_id


@dataclass(frozen=True)
class Answer:
    """One answer to the prompt of a traced row.

    Attributes:
        response_id: Its id, or that of the node of a tree that it ends at.
        stage: The stage that made it; None if only the row itself holds it.
        role: What it is in the row (``chosen``, ``rejected``, ``answer``); None for other answers.
        text: Its text.
        origin: The operator, model, parameters, seed and parents; None if they are not stored.
        steps: Its steps; empty if it was not cut into steps.
        scores: Its scores, each with the stage, the annotator's own words and the origin.
        questions: What models were asked about all of it; its steps have the questions about its
            beginnings.
    """

    response_id: str
    stage: str | None
    role: str | None
    text: str
    origin: Mapping[str, Any] | None
    steps: Sequence[Step]
    scores: Sequence[Mapping[str, Any]]
    questions: Sequence[Question]


@dataclass(frozen=True)
class Trace:
    """A row and what it comes from.

    Attributes:
        recipe: The recipe.
        stage: The stage of the row.
        refresh: The refresh of the row.
        row: The row.
        prompt: The row of its prompt; None if it is not stored.
        answers: The answers of the row, then all others to the same prompt.
        questions: What models were asked about the prompt, or about several answers at once.
        elsewhere: What models were asked about texts that a search tried and that are no answer
            here: other nodes of a tree, other beginnings, candidates that were not chosen.
        unknown: Why the questions of a stage are not known, by stage.
    """

    recipe: str
    stage: str
    refresh: str
    row: Mapping[str, Any]
    prompt: Mapping[str, Any] | None
    answers: Sequence[Answer]
    questions: Sequence[Question]
    elsewhere: Sequence[Question]
    unknown: Mapping[str, str]


def traced(
    project: Project, recipe: str, row_id: str, *, stage: str | None = None, day: str | None = None
) -> Trace:
    """Trace the row ``row_id`` of a recipe.

    Args:
        project: The project.
        recipe: The name of the recipe.
        row_id: The id of a pair, demonstration, ranking, node, response or prompt, or the start of
            one id only.
        stage: The stage to look in; by default all, the exported one first.
        day: The refresh to look in; by default all, the newest first.

    Raises:
        FactoryError: No row or several rows have such an id, or there is no such stage.
    """
    return trace_of(project, recipe, find_row(project, recipe, row_id, stage=stage, day=day))


def trace_of(project: Project, recipe: str, found: FoundRow) -> Trace:
    """The trace of a row that was found."""
    stages = _as_run(project, recipe, found.refresh)
    stored = stored_tables(project, recipe, found.refresh, [stage.name for stage in stages])
    prompt_id = found.row.get("prompt_id") or prompt_of(stored, found.row.get("response_id"))
    read = about_prompts(stored, [prompt_id])
    gives = {stage.name: stage.gives for stage in stages}
    prompt = next(
        (
            frame.row(0, named=True)
            for name, frame in read.items()
            if gives.get(name, Prompts) is Prompts and frame.height
        ),
        None,
    )
    all_questions = questions(project, recipe, stages, refresh=found.refresh, read=read)
    answers = list(_answers(read, found.row, all_questions, prompt_id))
    shown_ids = {id(one) for answer in answers for one in answer.questions}
    shown_ids |= {id(one) for answer in answers for one in questions_of(answer.steps)}
    row_ids = {prompt_id, *(answer.response_id for answer in answers)}
    rest: list[Question] = []
    elsewhere: list[Question] = []
    for one in all_questions.asked:
        if id(one) not in shown_ids:
            about_row = row_ids.issuperset(one.about) and not one.continues
            (rest if about_row else elsewhere).append(one)
    return Trace(
        recipe,
        found.stage,
        found.refresh,
        found.row,
        prompt,
        answers,
        rest,
        elsewhere,
        all_questions.unknown,
    )


def _as_run(project: Project, recipe: str, refresh: str) -> Sequence[Stage]:
    """The stages with the parameters that the run of a refresh has set, which decide what models
    were asked. If the recipe has no such parameters any more, it is as it is now."""
    spec = project.recipes[recipe]
    stages = spec.planned(project.settings)
    changes = changed_parameters(project.tables, recipe, stages, refresh)
    try:
        return spec.changed(project.settings, changes) if changes else stages
    except RecipeError:
        return stages


def _answers(
    read: Mapping[str, pl.DataFrame],
    row: Mapping[str, Any],
    all_questions: Questions,
    prompt_id: str | None,
) -> Iterator[Answer]:
    """The answers of the row, then all others to the same prompt."""
    responses: dict[str, tuple[str, dict[str, Any]]] = {}
    trees: dict[str, tuple[str, pl.DataFrame]] = {}
    for name, frame in read.items():
        columns = set(frame.columns)
        if {"response_id", "prompt_id", "text"} <= columns:
            for each in frame.iter_rows(named=True):
                responses.setdefault(each["response_id"], (name, each))
        elif "node_id" in columns:
            trees |= dict.fromkeys(frame["node_id"], (name, frame))
    scored = _scores(read)
    own = _own(row)
    for response_id in [*own, *(each for each in responses if each not in own)]:
        role, text = own.get(response_id, (None, ""))
        stage: str | None = None
        origin, steps = row.get("origin"), steps_of(row)
        if response_id in responses:
            stage, maker = responses[response_id]
            text, origin, steps = maker["text"], maker["origin"], steps or steps_of(maker)
        elif response_id in trees:
            stage, nodes = trees[response_id]
            origin = nodes.filter(node_id=response_id)["origin"][0]
            steps = path_to(response_id, nodes)
            text = text or "".join(step.text for step in steps)
        # An operator that chooses among texts names them by their digests.
        ids = {response_id, content_id(text)} - {row.get("prompt_id")}
        about: list[Question] = []
        others: list[Question] = []
        for one in all_questions.asked:
            (about if len(one.about) == 1 and one.about[0] in ids else others).append(one)
        steps = steps or continued(text, [one for one in others if one.stage == stage])
        steps = with_questions(steps, others, prompt_id)
        yield Answer(
            response_id, stage, role, text, origin, steps, scored.get(response_id, []), about
        )


def _scores(read: Mapping[str, pl.DataFrame]) -> dict[str, list[dict[str, Any]]]:
    """The scores by response. A stage that gathers scores holds those of others again: each is told
    once."""
    scored: dict[str, list[dict[str, Any]]] = {}
    for stage, frame in read.items():
        if {"response_id", "annotator"} <= set(frame.columns):
            of_tokens = "token_ends" in frame.columns
            texts = _texts(read) if of_tokens else {}
            for scores in frame.iter_rows(named=True):
                score_row = _of_tokens(scores, texts) if of_tokens else scores
                score = {**score_row, "stage": None}
                earlier = scored.setdefault(score["response_id"], [])
                if all(score != {**each, "stage": None} for each in earlier):
                    earlier.append({**score, "stage": stage})
    return scored


def _texts(read: Mapping[str, pl.DataFrame]) -> dict[str, str]:
    """The text of each response."""
    columns = ("response_id", "text")
    frames = [frame for frame in read.values() if {*columns} <= set(frame.columns)]
    return {name: text for frame in frames for name, text in frame.select(columns).iter_rows()}


def _of_tokens(scores: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """A row of `schemas.TokenScores` as one score: the mean, and the words of the strongest."""
    values = scores["values"]
    return {
        "response_id": scores["response_id"],
        "annotator": f"{scores['annotator']}, the mean of {len(values):,} tokens",
        "step": None,
        "value": sum(values) / len(values),
        "raw": strongest(texts.get(scores["response_id"], ""), scores["token_ends"], values),
        "error": None,
        "origin": scores["origin"],
    }


def _own(row: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The role and text of each answer of the row itself, by its id."""
    if "pair_id" in row and "chosen" in row:
        return {
            row[f"{side}_id"]: (side, message_text(row[side][-1]))
            for side in ("chosen", "rejected")
        }
    if "ranking_id" in row:
        return {
            content_id(text): (f"rank {place}, reward {reward:.4g}", text)
            for place, (text, reward) in enumerate(
                zip(row["completions"], row["rewards"], strict=True), 1
            )
        }
    if "node_id" in row:
        return {row["node_id"]: ("node", "")}
    if row.get("response_id") is None:
        return {}
    if "messages" in row:
        return {row["response_id"]: ("answer", message_text(row["messages"][-1]))}
    return {row["response_id"]: ("answer", row.get("text") or "".join(row.get("completions", [])))}
