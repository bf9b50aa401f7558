"""What ``factory preview`` prints: the rows of all stages, prompt by prompt."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from assets.cli.rows import rows_shown
from assets.rendering.annotations import readable
from assets.tracing.steps import step_name
from schemas import Split
from schemas.printable import printable

_LONGEST = 600
"""The most characters shown of an annotator's text."""


def previewed(splits: Mapping[str, Split]) -> Iterator[RenderableType]:
    """The rows of all stages by prompt: what each annotator said stands under the response that it
    is about. Rows that a stage dropped come last, with the reason."""
    prompts = splits["prompts"].kept
    for prompt in prompts.iter_rows(named=True):
        content = [Text(printable(prompt["messages"][-1]["content"]), "bold")]
        if prompt["reference"]:
            content.append(Text(printable(f"reference: {prompt['reference']}"), "dim"))
        yield Panel(Group(*content), title="prompt", border_style="blue")
        labels: dict[str, str] = {}
        for stage, split in splits.items():
            kept = split.kept
            if stage == "prompts" or "prompt_id" not in kept.columns or _scores(kept):
                continue
            own = kept.filter(pl.col("prompt_id") == prompt["prompt_id"])
            if own.is_empty():
                continue
            if "text" in own.columns and "response_id" in own.columns:
                yield from _responses(stage, own, splits, labels)
            else:
                yield Text(f"{stage}:", "italic")
                yield from rows_shown(own, own.height, prompts)
    yield _account(splits)


def _scores(frame: pl.DataFrame) -> bool:
    return {"response_id", "annotator", "value"} <= set(frame.columns)


def _responses(
    stage: str, own: pl.DataFrame, splits: Mapping[str, Split], labels: dict[str, str]
) -> Iterator[RenderableType]:
    """Responses to one prompt, each with its scores. Those in ``labels``, which an earlier stage
    has, are named by their stage and number there, and the others are added to it."""
    earlier = [labels[name] for name in own["response_id"] if name in labels]
    yield Text.assemble((f"{stage}:", "italic"), f" {', '.join(earlier)}" if earlier else "")
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", justify="right")
    table.add_column(overflow="fold")
    for number, row in enumerate(own.iter_rows(named=True), start=1):
        if row["response_id"] in labels:
            continue
        labels[row["response_id"]] = f"{stage} {number}"
        opinions = _opinions(row["response_id"], splits)
        table.add_row(f"{number}.", Group(Text(printable(row["text"])), *opinions))
    if table.row_count:
        # In a group, a table is no wider than the screen.
        yield Group(table)


def _opinions(response_id: str, splits: Mapping[str, Split]) -> Iterator[Text]:
    """The scores of a response. Words that several stages kept are shown once."""
    stages: dict[str, list[str]] = {}
    for stage, split in splits.items():
        if not _scores(split.kept):
            continue
        about = split.kept.filter(pl.col("response_id") == response_id)
        for score in about.iter_rows(named=True):
            figure, words = _score(stage, score)
            stages.setdefault(words, []).append(figure)
    for words, figures in stages.items():
        lines = [", ".join(figures), *(f"  {line}" for line in words.splitlines())]
        yield Text(printable("\n".join(lines)), "cyan")


def _score(stage: str, score: Mapping[str, Any]) -> tuple[str, str]:
    """A score, and the words of the annotator if they say more than the score."""
    step, value = score.get("step"), score["value"]
    place = "" if step is None else f" ({step_name(step)})"
    figure = (score.get("error") or "no value") if value is None else f"{value:.3g}"
    words = readable(score.get("raw") or "").strip()
    if len(words) > _LONGEST:
        words = words[:_LONGEST] + "…"
    return f"{stage}{place} {figure}", "" if words == figure else words


def _account(splits: Mapping[str, Split]) -> RenderableType:
    table = Table(title="stages", title_justify="left", title_style="bold")
    table.add_column("stage")
    table.add_column("kept", justify="right")
    table.add_column("dropped")
    for stage, split in splits.items():
        reasons = split.dropped.group_by("reason", maintain_order=True).len()
        table.add_row(
            Text(stage),
            f"{split.kept.height:,}",
            Text("\n".join(f"{count:,} {reason}" for reason, count in reasons.iter_rows())),
        )
    return table
