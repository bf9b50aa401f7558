"""A traced row in the terminal."""

from io import StringIO
from typing import Any

from rich.console import Console

from assets.cli.traced import trace_shown
from assets.tracing.trace import traced
from tests.assets.reported import REFRESH, write_pairs


def test_a_trace_shows_text_scores_and_origins_and_no_markup(workshop: Any) -> None:
    write_pairs(workshop, "ours", 3, said=["said [bold]so[/] \x1b[31m"])
    found = traced(workshop.project(), "ours", f"{REFRESH}-0-0")
    screen = Console(width=100, record=True, file=StringIO())
    for shown in trace_shown(found):
        screen.print(shown)
    text = screen.export_text()
    assert "said [bold]so[/]" in text
    assert "\x1b" not in text
    assert "1 by verifier" in text
    assert "operator" in text


def test_long_parameters_are_not_cut_on_a_narrow_screen(workshop: Any) -> None:
    write_pairs(workshop, "ours", 3)
    found = traced(workshop.project(), "ours", f"{REFRESH}-0-0")
    screen = Console(width=24, record=True, file=StringIO())
    for shown in trace_shown(found):
        screen.print(shown)
    assert "…" not in screen.export_text()
