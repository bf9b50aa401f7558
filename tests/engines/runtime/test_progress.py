"""The progress of a run in a file or a pipe."""

import pytest

from engines.runtime.progress import Progress


def test_a_pipe_gets_lines_without_carriage_returns(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress("recipe/stage", 1200, of="steps") as progress:
        progress.show(0, "")
        progress.show(1, "")
        progress.show(1100, "loss 0.1")
    shown = capfd.readouterr().err
    assert "\r" not in shown
    assert shown == "recipe/stage: 1 of 1,200 steps\nrecipe/stage: 1,100 of 1,200 steps, loss 0.1\n"


def test_nothing_is_shown_where_none_is_wanted(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress("recipe/stage", 2, of="rows", shown=False) as progress:
        progress.show(2, "")
    assert capfd.readouterr().err == ""
