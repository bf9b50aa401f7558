"""The progress of a run: a bar if stderr is a terminal, otherwise a line from time to time."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """Shows how many of ``total`` are done. It writes no carriage return into a file or a pipe.

    Attributes:
        interval: the seconds between two calls of `show` that are worth it.
    """

    def __init__(
        self, title: str, total: int, *, of: str, shown: bool = True, alone: bool = True
    ) -> None:
        """Make a progress that is not yet shown.

        Args:
            title: what makes progress, as ``recipe/stage``.
            total: how many there are.
            of: what they are, as ``rows``.
            shown: whether anything is shown.
            alone: whether no other progress is shown at the same time. A terminal has one bar.
        """
        self._title = title
        self._total = total
        self._of = of
        self._shown = shown
        self._bar: Bar | None = None
        self.interval = 10.0
        if shown and alone and sys.stderr.isatty():
            self.interval = 0.2
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(title, total=total, figures="")
        self._last = time.monotonic()

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

    @property
    def due(self) -> bool:
        """Whether the interval has passed since the last call of `show`."""
        return time.monotonic() - self._last >= self.interval

    def show(self, done: int, figures: str) -> None:
        """Show that so many are done, and some figures."""
        self._last = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=done, figures=figures)
        elif self._shown and done:
            of = f"{done:,} of {self._total:,} {self._of}"
            print(f"{self._title}: {of}", *filter(None, [figures]), sep=", ", file=sys.stderr)
