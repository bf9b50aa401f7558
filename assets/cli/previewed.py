"""What ``factory preview`` prints: the rows of all stages, prompt by prompt."""

from collections.abc import Iterator, Mapping

import polars as pl
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from assets.cli.rows import rows_shown
from schemas import Split
from schemas.printable import printable


def previewed(splits: Mapping[str, Split]) -> Iterator[RenderableType]:
    """The rows of all stages by prompt: what each annotator said stands under the response that it
    is about. Rows that a stage dropped come last, with the reason."""
    prompts = splits["prompts"].kept
    for prompt in prompts.iter_rows(named=True):
        content = [Text(printable(prompt["messages"][-1]["content"]), "bold")]
        if prompt["reference"]:
            content.append(Text(printable(f"reference: {prompt['reference']}"), "dim"))
        yield Panel(Group(*content), title="prompt", border_style="blue")
        for stage, split in splits.items():
            kept = split.kept
            if stage == "prompts" or "prompt_id" not in kept.columns or _scores(kept):
                continue
            own = kept.filter(pl.col("prompt_id") == prompt["prompt_id"])
            if own.is_empty():
                continue
            yield Text(f"{stage}:", "italic")
            if "text" in own.columns and "response_id" in own.columns:
                yield _responses(own, splits)
            else:
                yield from rows_shown(own, own.height, prompts)
    yield _account(splits)


def _scores(frame: pl.DataFrame) -> bool:
    return {"response_id", "annotator", "value"} <= set(frame.columns)


def _responses(own: pl.DataFrame, splits: Mapping[str, Split]) -> RenderableType:
    """Responses to one prompt, each with its scores."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(style="dim", width=3, justify="right")
    table.add_column(ratio=1)
    for number, row in enumerate(own.iter_rows(named=True), start=1):
        lines = [Text(printable(row["text"]))]
        for stage, split in splits.items():
            if not _scores(split.kept):
                continue
            about = split.kept.filter(pl.col("response_id") == row["response_id"])
            for score in about.iter_rows(named=True):
                lines.append(Text(printable(_score(stage, score)), "cyan"))
        table.add_row(f"{number}.", Group(*lines))
    return table


def _score(stage: str, score: Mapping[str, object]) -> str:
    """A score with the words of the annotator, in one line."""
    value = score["value"]
    step = score.get("step")
    place = f" step {int(str(step)) + 1}" if isinstance(step, int) and step >= 0 else ""
    figure = f"{value:.3g}" if isinstance(value, float) else str(score.get("error") or "no value")
    words = " ".join(str(score.get("raw") or "").split())
    said = f': "{words[:200]}{"…" if len(words) > 200 else ""}"' if words else ""
    return f"{stage}{place} {figure}{said}"


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
