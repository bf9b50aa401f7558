"""A traced row as ``factory show --row`` prints it. Text of models is never read as markup."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from assets.rendering.markdown import plain
from assets.tracing.trace import Answer, Trace
from schemas.printable import printable

_BORDERS = {"chosen": "green", "rejected": "red"}


def trace_shown(trace: Trace) -> Iterator[RenderableType]:
    """The prompt of a traced row, then each answer with its origin and scores."""
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


def _answer(answer: Answer) -> Table:
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column()
    rows.add_row("text", Text(printable(answer.text)))
    rows.add_row("id", Text(printable(answer.response_id)))
    rows.add_row("stage", answer.stage or "not stored")
    _origin(rows, answer.origin)
    for score in answer.scores:
        step = "" if score["step"] is None else f", step {score['step']}"
        value = "no score" if score["value"] is None else f"{score['value']:.4g}"
        rows.add_row("", "")
        rows.add_row("score", Text(printable(f"{value} by {score['annotator']}{step}"), "bold"))
        rows.add_row("stage", score["stage"])
        for name in ("raw", "error"):
            if score[name] is not None:
                rows.add_row("said" if name == "raw" else name, Text(printable(score[name])))
        _origin(rows, score["origin"])
    if not answer.scores:
        rows.add_row("score", "none")
    return rows


def _origin(rows: Table, origin: Mapping[str, Any] | None) -> None:
    if origin is None:
        rows.add_row("origin", "not stored")
        return
    for name in ("operator", "model", "parameters", "seed"):
        if origin[name] is not None:
            rows.add_row(name, Text(printable(str(origin[name]))))
