"""``factory recipes --page`` and ``--docs``: a page of all recipes."""

from pathlib import Path
from typing import Any

from tests.assets.cli.test_cli import factory
from tests.assets.conftest import STAGES
from tests.assets.reported import SCRIPT


def test_a_page_of_all_recipes(ran: Any, tmp_path: Path) -> None:
    workshop, _ = ran
    workshop.recipe("odd", claim=SCRIPT, paper={"title": SCRIPT, "code": "javascript:alert(1)"})
    workshop.recipe("broken", {"responses": {"use": "generators.Smaple"}})
    out = tmp_path / "pages/recipes.html"
    done = factory("recipes", "--page", str(out))
    assert done.exit_code == 0, done.output
    html = out.read_text()
    for name in ("first", "odd", "broken", "online_dpo", "tick"):
        assert f'id="{name}"' in html
    # A result in the docs, a cost of a run, an error, and none of a text's markup.
    assert "docs/claims.md" in html
    assert "for each of 6 prompts at 2026-11-01" in html
    assert "did you mean &#39;generators.Sample&#39;?" in html
    assert "<img" not in html
    assert "javascript:" not in html


def test_the_page_has_the_recipes_that_words_choose(workshop: Any, tmp_path: Path) -> None:
    out = tmp_path / "recipes.html"
    assert factory("recipes", "mcts", "--page", str(out)).exit_code == 0
    html = out.read_text()
    assert 'id="mcts_dpo"' in html
    assert 'id="tick"' not in html


def test_the_docs_name_results_and_needs(workshop: Any, tmp_path: Path) -> None:
    workshop.recipe("mine", STAGES, paper={"title": "A paper", "arxiv": "2401.01335"})
    assert factory("recipes", "--docs", str(tmp_path)).exit_code == 0
    _, _, entry = (tmp_path / "recipes.md").read_text().partition("### mine\n")
    assert "https://arxiv.org/abs/2401.01335" in entry.partition("\n### ")[0]
    assert "Needs: policy" in entry.partition("\n### ")[0]
