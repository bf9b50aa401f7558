"""What ``factory judge-bench`` prints."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from assets.judging import words
from assets.judging.bench import Measured


def judged_tables(measured: Measured) -> Iterator[RenderableType]:
    """The figures of all roles on one benchmark: of all items, by group and by length."""
    title = f"{measured.benchmark}: {measured.items:,} {words.what(measured)}"
    yield _table(title, words.columns(measured), [words.cells(measured, r) for r in measured.roles])
    if rows := words.equal_tokens(measured):
        yield _table("at equal tokens", words.EQUAL_TOKENS, rows)
    if rows := words.people(measured):
        yield _table("agreement with people", words.PEOPLE, rows)
    if rows := words.probed(measured):
        yield _table("probes", words.PROBES, rows)
    for by in ("group", "length"):
        parts = [
            (name, f"{items:,}", *(words.part(measured, each) for each in figures))
            for name, items, figures in words.parts(measured, by)
        ]
        if parts:
            names = [role.role for role in measured.roles]
            yield _table(f"{words.by_title(measured)} by {by}", [by, "items", *names], parts)
    if measured.refused:
        yield Text(words.refused(measured), style="yellow")


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, heading in enumerate(headings):
        table.add_column(Text(heading), justify="right" if number else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
