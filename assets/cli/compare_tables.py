"""What ``factory compare`` prints."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from assets.comparing import words
from assets.comparing.comparison import Comparison, Setting
from assets.comparing.words import NOTHING

_EXAMPLES = 3
"""The most rows with different labels that are printed."""


def compared_tables(compared: Comparison, width: int) -> Iterator[RenderableType]:
    """A table for each part of a comparison that has something to show.

    Args:
        compared: The comparison.
        width: The width of a table in characters. Longer texts continue on the next line.
    """
    for part in _parts(compared):
        if isinstance(part, Table):
            part.width = width
        yield part


def _parts(compared: Comparison) -> Iterator[RenderableType]:
    yield _settings("compared", compared, compared.facts)
    levels = [(each.stage, *map(words.counts, each.sides)) for each in compared.funnel]
    yield from _two("stages", "stage", compared, levels)
    yield from _shared(compared)
    numbers = [
        (f"{each.stage}: {each.what}", *map(words.summary, each.sides))
        for each in compared.distributions
    ]
    yield from _two("numbers", "stage: number", compared, numbers)
    policies = [(each.stage, *map(words.figures, each.figures)) for each in compared.validated]
    yield from _two("policy before and after training", "stage", compared, policies)
    for each in compared.validated:
        if each.between is not None:
            yield Text(f"{each.stage}: second less first, {words.between(each.between)}")
    both, (first, second) = words.claims_of(compared)
    for finding in both:
        yield Text(f"claim {words.finding(finding)}")
    results = ("\n".join(map(words.finding, side)) or NOTHING for side in (first, second))
    if first or second:
        yield from _two("claim", "", compared, [("result", *results)])
    if compared.models:
        yield _settings("models and training that differ", compared, compared.models)
    if compared.parameters:
        yield _settings("parameters that differ", compared, compared.parameters)
    yield Text(f"{compared.alike:,} parameters are equal", style="dim")


def _shared(compared: Comparison) -> Iterator[RenderableType]:
    if not compared.shared:
        return
    table = _table("rows in common, by their texts")
    for heading in ("stage", "row"):
        table.add_column(heading)
    for heading in ("first", "second", "common", "other label"):
        table.add_column(heading, justify="right")
    for each in compared.shared:
        table.add_row(
            Text(each.stage),
            Text(each.what),
            *(f"{number:,}" for number in (*each.rows, each.common)),
            words.labels(each),
        )
    yield table
    rows = [
        (f"{each.stage}, {each.label}: {example.prompt}", *example.labels)
        for each in compared.shared
        for example in each.examples[:_EXAMPLES]
    ]
    yield from _two("examples of other labels", "prompt", compared, rows)


def _settings(title: str, compared: Comparison, settings: Sequence[Setting]) -> Table:
    rows = [(each.name, *(value or NOTHING for value in each.values)) for each in settings]
    (table,) = _two(title, "", compared, rows)
    return table


def _two(
    title: str, heading: str, compared: Comparison, rows: Sequence[Sequence[str]]
) -> Iterator[Table]:
    """A table with a column for each side; none without rows."""
    if not rows:
        return
    table = _table(title)
    table.add_column(heading, ratio=1)
    for place, name in zip(("first", "second"), compared.names, strict=True):
        table.add_column(Text(f"{place}: {name}"), ratio=2)
    for row in rows:
        table.add_row(*map(Text, row))
    yield table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold")
