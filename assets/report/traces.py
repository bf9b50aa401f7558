"""What each row of a report comes from, for a block that a reader opens.

A text is a list of parts: strings, and indices into the texts of the page. So a question to a
judge, which repeats the prompt and the answer, does not hold them again.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from assets.rendering.annotations import readable
from assets.report.report_data import ReportData
from assets.report.row_browser import Browsed, interned
from assets.storage.tables import having
from assets.tracing.asked_steps import continued, with_questions
from assets.tracing.questions import Question, questions
from assets.tracing.read_tables import tables_about
from assets.tracing.steps import Step, path_to, step_name, steps_of
from engines.operators.prompt_templates import conversation
from schemas import Nodes, Responses, Scores, content_id

QUESTIONED = 64
"""The most rows whose questions are on the page, the first ones. ``factory show --row`` tells those
of any row."""
_LEAST = 24
"""The fewest characters of a text that is replaced by its index."""


class Section(NamedTuple):
    """A part of a trace: its title, and its text as strings and indices into the texts."""

    title: str
    text: Sequence[str | int]


def add_traces(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    """Add the trace of each row: who made its answers, what annotators said of them, and of the
    first rows what models were asked.

    Args:
        browsed: The rows as the page shows them.
        rows: The same rows of the table.
        data: The data of the report.
    """
    put = interned(browsed.texts)
    ids = {answer for side in browsed.answers.values() for answer in side if answer is not None}
    sections_by_answer: dict[str, list[Section]] = defaultdict(list)
    for answer, section in [*_makers(data, ids, put), *_opinions(data, ids, put)]:
        sections_by_answer[answer].append(section)
    questions_by_refresh = _questions(rows, data)
    for number in range(len(browsed.ids)):
        sections = []
        for side, answers in browsed.answers.items():
            for section in sections_by_answer.get(answers[number] or "", ()):
                sections.append(Section(f"{side}: {section.title}", section.text))
        if number < QUESTIONED and questions_by_refresh:
            refresh, prompt_id = rows.select("refresh", "prompt_id").row(number)
            sections += _of_row(questions_by_refresh[refresh], prompt_id, browsed, number, put)
        browsed.traces.append(sections)


_Put = Callable[[Sequence[str]], list[int]]


def _makers(data: ReportData, ids: set[str], put: _Put) -> Iterator[tuple[str, Section]]:
    """Who made each of the answers and nodes ``ids``."""
    for table, unit in ((Responses, "response_id"), (Nodes, "node_id")):
        wanted_ids = pl.Series(unit, sorted(ids), dtype=pl.String)
        rows = data.with_ids(table, wanted_ids, "origin").select(unit, "stage", "origin")
        for answer, stage, origin in rows.iter_rows():
            fixed = [origin["operator"], origin["model"], origin["parameters"]]
            seed = "" if origin["seed"] is None else f"\nseed {origin['seed']}"
            text = "\n".join(one for one in fixed if one is not None)
            yield answer, Section(f"made by {stage}", [*put([text]), seed])


def _opinions(data: ReportData, ids: set[str], put: _Put) -> Iterator[tuple[str, Section]]:
    """What annotators said of each of the answers ``ids``."""
    columns = ("response_id", "step", "annotator", "value", "raw", "error")
    wanted_ids = pl.Series("response_id", sorted(ids), dtype=pl.String)
    listed = set()
    for stage in data.stages:
        if stage.gives is not Scores or not data.ran(stage.name):
            continue
        rows = data.select(stage.name, lambda rows: having(wanted_ids)(rows).select(columns))
        rows = rows.select(columns)
        for row in rows.iter_rows():
            answer, step, annotator, value, raw, error = row
            # A stage that gathers scores holds those of others again.
            if row in listed or (raw is None and error is None):
                continue
            listed.add(row)
            at = "" if step is None else f", {step_name(step)}"
            score = "no score" if value is None else f"{value:.4g}"
            yield (
                answer,
                Section(f"{annotator} says {score}{at}", put([error or readable(raw or "")])),
            )


class _RefreshQuestions(NamedTuple):
    """What models were asked at a refresh, and what the steps of answers are read from: responses
    by id, and the nodes about each prompt."""

    questions: Sequence[Question]
    responses: Mapping[str, tuple[str, Mapping[str, Any]]]
    nodes: Mapping[str, pl.DataFrame]


def _questions(rows: pl.DataFrame, data: ReportData) -> dict[str, _RefreshQuestions]:
    """The questions about the prompts of the first rows, by refresh."""
    first = rows.head(QUESTIONED)
    if "prompt_id" not in first.columns:
        return {}
    by_refresh: dict[str, _RefreshQuestions] = {}
    names = [stage.name for stage in data.stages]
    for (refresh,), part in first.group_by("refresh", maintain_order=True):
        day = str(refresh)
        read = tables_about(data.project, data.recipe.name, day, names, part["prompt_id"])
        all_questions = questions(
            data.project, data.recipe.name, data.stages, refresh=day, read=read
        )
        responses: dict[str, tuple[str, Mapping[str, Any]]] = {}
        nodes: dict[str, pl.DataFrame] = {}
        for name, frame in read.items():
            if {"response_id", "text"} <= set(frame.columns):
                responses |= {
                    row["response_id"]: (name, row)
                    for row in frame.select("response_id", "text", "steps").iter_rows(named=True)
                }
            elif "node_id" in frame.columns:
                nodes |= {str(key): rows for (key,), rows in frame.group_by("prompt_id")}
        by_refresh[day] = _RefreshQuestions(all_questions.asked, responses, nodes)
    return by_refresh


def _of_row(
    about_refresh: _RefreshQuestions, prompt_id: str, browsed: Browsed, number: int, put: _Put
) -> Iterator[Section]:
    """The questions about the answers of a row, each once, then those at the steps of each."""
    sides: dict[str, str] = {}
    for side, answers in browsed.answers.items():
        text = browsed.texts[browsed.sides[side][number]]
        sides |= dict.fromkeys((answers[number] or "", content_id(text)), side)
    text_numbers = [browsed.prompts[number], *(side[number] for side in browsed.sides.values())]
    number_of = {browsed.texts[index]: index for index in text_numbers}

    def section(about: str, question: Question) -> Section:
        times = f", {question.times} times" if question.times > 1 else ""
        doubt = "" if question.journaled else "; the journal has no answer to exactly this"
        return Section(
            f"{about}: {question.stage} asked {question.role}{times}{doubt}",
            without(question.text or conversation(question.messages), number_of, put),
        )

    others = []
    for question in about_refresh.questions:
        about = dict.fromkeys(sides[each] for each in question.about if each in sides)
        if about and set(question.about) <= sides.keys():
            yield section(" and ".join(about), question)
        else:
            others.append(question)
    for side, answers in browsed.answers.items():
        text = browsed.texts[browsed.sides[side][number]]
        steps = _steps(about_refresh, prompt_id, answers[number], text)
        beginning = ""
        for at, step in enumerate(with_questions(steps, others, prompt_id)):
            beginning += step.text
            number_of[beginning] = put([beginning])[0]
            for question in step.questions:
                yield section(f"{side} up to {step_name(at)}", question)


def _steps(
    about_refresh: _RefreshQuestions, prompt_id: str, answer: str | None, text: str
) -> list[Step]:
    """The steps of an answer; none if it was not made step by step."""
    nodes = about_refresh.nodes.get(prompt_id)
    if nodes is not None and answer in set(nodes["node_id"]):
        return path_to(str(answer), nodes)
    stage, row = about_refresh.responses.get(answer or "", ("", {}))
    own = [one for one in about_refresh.questions if one.stage == stage and prompt_id in one.about]
    return steps_of(row) or continued(text, own)


def without(text: str, number_of: Mapping[str, int], put: _Put) -> list[str | int]:
    """The parts of ``text``, where the texts of ``number_of`` are their numbers."""
    long = sorted((one for one in number_of if len(one) >= _LEAST), key=len, reverse=True)
    if not long:
        return [*put([text])]
    pieces = re.split(f"({'|'.join(map(re.escape, long))})", text)
    return [
        number_of[piece] if piece in number_of else put([piece])[0] for piece in pieces if piece
    ]
