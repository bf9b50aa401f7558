"""The progress of a run: a bar if stderr is a terminal, otherwise a line from time to time."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from schemas import Usage

if TYPE_CHECKING:
    from engines.context import Context


class Progress:
    """Shows rows done, rows and tokens per second, and journal hits, if ``context.progress``."""

    def __init__(self, context: "Context", total: int, usage: Usage) -> None:
        self._context = context
        self._total = total
        self._usage = usage
        self._started = time.monotonic()
        self._bar: Bar | None = None
        self.interval = 10.0
        if context.progress and sys.stderr.isatty():
            self.interval = 0.2
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rates]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            name = f"{context.recipe}/{context.stage}"
            self._task = self._bar.add_task(name, total=total, rates="")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int) -> None:
        """Show that ``done`` rows are done."""
        context = self._context
        if not context.progress:
            return
        seconds = max(time.monotonic() - self._started, 1e-3)
        rates = f"{done / seconds:,.1f} rows/s, {self._usage.tokens / seconds:,.0f} tokens/s"
        rates += f", {self._usage.journal_hits:,} answers from the journal"
        if self._bar is not None:
            self._bar.update(self._task, completed=done, rates=rates)
        elif done:
            stage = f"{context.recipe}/{context.stage}"
            print(f"{stage}: {done:,} of {self._total:,} rows, {rates}", file=sys.stderr)
