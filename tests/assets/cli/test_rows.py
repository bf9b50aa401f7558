"""What ``factory show`` prints of trees and of judged steps."""

from typing import Any

import pytest
from typer.testing import CliRunner

from assets.cli import app
from tests.assets.reported import write_judged, write_solutions, write_trees


def shown(*arguments: str) -> list[str]:
    done = CliRunner().invoke(app, ["show", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def test_trees_are_shown_as_trees_with_what_they_answer(workshop: Any) -> None:
    write_trees(workshop, "grown", 3, said="[red]Then[/red] nothing.\n")
    told = shown("grown/trees", "-n", "2")
    assert told[2].startswith("Ivy starts with 10 pears.")
    assert told[3:7] == [
        "└── 0.50 ×4 the prompt",
        "    ├── 0.75 ×3 First 20 + 0 = 20.",
        "    │   └── 1.00 ×2 Answer: 20 ✓ right",
        "    └── 0.00 ×1 [red]Then[/red] nothing. ✗ wrong",
    ]
    assert sum("Ivy starts with" in line for line in told) == 2


def test_steps_are_shown_with_their_labels_values_and_the_first_wrong_one(workshop: Any) -> None:
    write_solutions(workshop, "solved", 2)
    told = [line.split() for line in shown("solved/labels")]
    assert ["1", "First", "20", "+", "0", "=", "20.", "🙂", "1.00", "✓"] in told
    assert ["2", "Then", "nothing.", "0.75", "✓"] in told
    assert ["2", "Then", "nothing.", "0.00", "✗", "first", "wrong", "step"] in told
    # Neither label nor value.
    assert ["3", "Answer:", "20"] in told
    assert ["solution-1"] in told


def test_scores_of_tokens_are_shown_on_their_text(workshop: Any) -> None:
    write_judged(workshop, "judged", 1)
    told = shown("judged/tokens")
    assert "Answer: 20" in told
    assert "+0.5 ' 20'" in told
    assert "-0.25 'Answer:'" in told
    assert "Says 0. <b>" in "\n".join(shown("judged/rubric"))
