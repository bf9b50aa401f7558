"""A traced row as ``factory show --row`` prints it. Text of models is never read as markup."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from assets.rendering.annotations import readable
from assets.rendering.markdown import plain
from assets.tracing.questions import Question
from assets.tracing.steps import Step, step_name
from assets.tracing.trace import Answer, Trace
from schemas.printable import printable

_BORDERS = {"chosen": "green", "rejected": "red"}
_SIBLINGS = 3
"""The most siblings of a node that are printed; ``--json`` has all."""
_QUESTIONS = 6
"""The most questions that are printed in one place; ``--json`` has all."""


def trace_shown(trace: Trace) -> Iterator[RenderableType]:
    """The prompt of a traced row, then each answer with its origin, steps, scores and questions."""
    yield Text(f"{trace.recipe}/{trace.stage}, refresh {trace.refresh}")
    if trace.prompt is None:
        yield Text("the prompt is not stored", "dim")
    else:
        prompt = trace.prompt
        yield Text(printable(plain(prompt["messages"])), "bold")
        source = f"{prompt['source']} {prompt['source_revision']}  {prompt['prompt_id']}"
        yield Text(printable(source), "dim")
    for answer in trace.answers:
        title = answer.role or "other answer"
        yield Panel(_answer(answer), title=title, border_style=_BORDERS.get(title, "none"))
    for title, questions in (
        ("asked about the prompt, or about several answers", trace.questions),
        ("asked about what else was tried", trace.elsewhere),
    ):
        if questions:
            rows = _grid()
            _questions(rows, questions)
            yield Panel(rows, title=title)
    for stage, reason in trace.unknown.items():
        yield Text(printable(f"what {stage} asked is not known: {reason}"), "dim")


def _grid() -> Table:
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    return rows


def _answer(answer: Answer) -> Table:
    rows = _grid()
    if answer.steps:
        for number, step in enumerate(answer.steps, 1):
            _step(rows, f"step {number}", step)
            _questions(rows, step.questions)
            for sibling in step.siblings[:_SIBLINGS]:
                _step(rows, "  instead", sibling)
            if len(step.siblings) > _SIBLINGS:
                rows.add_row("", f"and {len(step.siblings) - _SIBLINGS} more")
    else:
        rows.add_row("text", Text(printable(answer.text)))
    rows.add_row("id", Text(printable(answer.response_id)))
    rows.add_row("stage", answer.stage or "not stored")
    _origin(rows, answer.origin)
    for score in answer.scores:
        at = "" if score["step"] is None else f", {step_name(score['step'])}"
        value = "no score" if score["value"] is None else f"{score['value']:.4g}"
        rows.add_row("", "")
        rows.add_row("score", Text(printable(f"{value} by {score['annotator']}{at}"), "bold"))
        rows.add_row("stage", score["stage"])
        if score["raw"] is not None:
            rows.add_row("said", Text(printable(readable(score["raw"]))))
        if score["error"] is not None:
            rows.add_row("error", Text(printable(score["error"])))
        _origin(rows, score["origin"])
    if not answer.scores:
        rows.add_row("score", "none")
    _questions(rows, answer.questions)
    return rows


def _step(rows: Table, title: str, step: Step) -> None:
    facts = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in step.facts.items()
    )
    rows.add_row(title, Text(printable(step.text.rstrip("\n"))))
    if facts:
        rows.add_row("", Text(printable(facts), "dim"))


def _questions(rows: Table, questions: Sequence[Question]) -> None:
    for one in questions[:_QUESTIONS]:
        times = f", {one.times} times" if one.times > 1 else ""
        note = "" if one.journaled else "; the journal has no answer to exactly this"
        rows.add_row("", "")
        rows.add_row(
            "asked",
            Text(printable(f"{one.role} by {one.stage} to {one.verb}{times}{note}"), "bold"),
        )
        rows.add_row("", Text(printable(one.text or plain(list(one.messages)))))
    if len(questions) > _QUESTIONS:
        rows.add_row("", f"and {len(questions) - _QUESTIONS} more questions; --json has all")


def _origin(rows: Table, origin: Mapping[str, Any] | None) -> None:
    if origin is None:
        rows.add_row("origin", "not stored")
        return
    for name in ("operator", "model", "parameters", "seed"):
        if origin[name] is not None:
            rows.add_row(name, Text(printable(str(origin[name]))))
