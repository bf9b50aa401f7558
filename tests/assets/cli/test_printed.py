"""Whatever a model, a server or a recipe says is fit for a terminal and for a page."""

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from rich.table import Table

from assets.cli import console
from assets.cli.console import outcome_lines
from assets.cli.errors import printed
from assets.cli.rows import rows_shown
from assets.config.errors import FactoryError, RecipeError
from assets.refresh import Outcome
from assets.rendering.markdown import linked
from engines.protocol import EngineError, RowError
from tests.schemas.test_printable import ATTACKS

ESCAPED = "".join(ATTACKS) + "[red]markup[/red] [link=http://x]here[/link]"
CODES = {character for attack in ATTACKS for character in attack if not character.isprintable()}


def turn(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


SHOWN: dict[str, Callable[[], Any]] = {
    "text": lambda: ESCAPED,
    "table": lambda: _table(),
    "rows": lambda: next(rows_shown(pl.DataFrame({"text": [ESCAPED]}), 1, pl.DataFrame())),
    "pair": lambda: next(rows_shown(pl.DataFrame(
        {"prompt": [turn(ESCAPED)], "chosen": [turn(ESCAPED)], "rejected": [turn(ESCAPED)]}
        | {"shared_prefix": [0], "margin": [1.0], "weight": [1.0], "pair_id": [ESCAPED]}
    ), 1, pl.DataFrame())),
}  # fmt: skip


def _table() -> Table:
    table = Table(title=ESCAPED)
    table.add_column(ESCAPED)
    table.add_row(ESCAPED)
    return table


@pytest.mark.parametrize("shown", SHOWN)
def test_no_code_reaches_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shown: str
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    console.console().print(SHOWN[shown]())
    printed = capsys.readouterr().out
    assert not CODES & set(printed)
    assert "\\x1b[2J" in printed
    assert "[red]markup[/red]" in printed


@pytest.mark.parametrize("kind", [EngineError, RowError, FactoryError, ValueError])
def test_no_error_writes_to_a_terminal(
    capsys: pytest.CaptureFixture[str], kind: type[Exception]
) -> None:
    with pytest.raises(BaseException), printed(False):  # noqa: PT011, B017  # typer's own exit
        raise kind(f"the server says {ESCAPED}")
    output = capsys.readouterr().err
    assert not CODES & set(output)
    assert "the server says \\x1b[2J" in output


def test_errors_of_recipes_and_engines_hold_no_codes() -> None:
    """Dagster prints them by itself."""
    assert not CODES & set(str(RecipeError(ESCAPED, file=ESCAPED, stage=ESCAPED, field=ESCAPED)))
    assert not CODES & set(str(RowError(ESCAPED)))


def test_no_log_line_writes_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    kept, root.handlers = root.handlers, []
    try:
        with printed(False):
            logging.getLogger("some.library").warning("it says %s", ESCAPED)
    finally:
        root.handlers = kept
    assert not CODES & set(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("https://github.com/a/b", "[A &#42;](https://github.com/a/b)"),
        ("http://x.org/a_(b)", "[A &#42;](http://x.org/a_%28b%29)"),
        ("https://x.org/<script>", "[A &#42;](https://x.org/%3Cscript%3E)"),
        ('https://x.org/"onload="x', "[A &#42;](https://x.org/%22onload=%22x)"),
        ("https://x.org/`]|", "[A &#42;](https://x.org/%60%5D%7C)"),
        ("javascript:alert(1)", "A &#42; (javascript:alert(1))"),
        ("JaVaScRiPt:alert(1)", "A &#42; (JaVaScRiPt:alert(1))"),
        ("data:text/html,<b>", "A &#42; (data:text/html,&lt;b&gt;)"),
        ("https://x.org/a b", "A &#42; (https://x.org/a b)"),
        ("https:///x", "A &#42; (https:///x)"),
        ("//x.org", "A &#42; (//x.org)"),
        (None, "A &#42;"),
    ],
)
def test_only_an_address_of_the_web_is_a_link(target: str | None, shown: str) -> None:
    assert linked("A *", target) == shown


def printed_lines(tmp_path: Path, **given: Any) -> list[str]:
    """The lines about an outcome."""
    nothing: dict[str, Any] = dict.fromkeys(("labels", "label_origin", "validated", "claim"))
    nothing |= {"sources": {}, "stages": {}, "findings": {}, "checkpoint": None}
    outcome = Outcome(recipe="mine", refresh="2026-01-01", **nothing | given)
    settings: Any = SimpleNamespace(root_path=tmp_path)
    return [line.plain for line in outcome_lines(outcome, settings)]


def test_a_figure_of_several_parts_is_said_in_words(tmp_path: Path) -> None:
    repeats = {"raised": 2, "of": 6, "share": 1 / 3, "example": None}
    findings = {"rewards": {"drift": 0.25, "repeated steps rewarded": repeats}}
    first, *_ = printed_lines(tmp_path, findings=findings)
    expected = "rewards: drift 0.25, repeated steps rewarded (raised 2, of 6, share 0.333)"
    assert first == expected


def test_what_was_trained_is_named_by_its_stage(tmp_path: Path) -> None:
    checkpoint = {"trained": True, "path": "/models/mine/1/reward"}
    *_, last = printed_lines(tmp_path, checkpoint=checkpoint)
    assert last == "reward /models/mine/1/reward"
