"""The pages of a comparison and of all recipes in a real browser, wide and on a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.assets.cli.test_cli import factory
from tests.assets.reported import LONG, REFRESH, write_pairs

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(ran_once: Any) -> dict[str, Path]:
    workshop, _ = ran_once
    found = {name: workshop.folder / f"{name}.html" for name in ("compared", "recipes")}
    with pytest.MonkeyPatch.context() as patch:
        workshop.enter(patch)
        for name in ("left", "right"):
            write_pairs(workshop, name, 20, said=[LONG])
        names = (f"left@{REFRESH}", f"right@{REFRESH}")
        assert factory("compare", *names, "--page", str(found["compared"])).exit_code == 0
        assert factory("recipes", "--page", str(found["recipes"])).exit_code == 0
    return found


@pytest.fixture(params=[(1500, "light"), (390, "dark")], ids=["wide", "phone"])
def context(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    width, scheme = request.param
    made = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    yield made
    made.close()


def opened(context: Any, path: Path, errors: list[str]) -> Any:
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: said.type == "error" and errors.append(said.text))
    page.goto(path.as_uri())
    return page


@pytest.mark.parametrize("name", ["compared", "recipes"])
def test_nothing_scrolls_sideways(context: Any, pages: dict[str, Path], name: str) -> None:
    errors: list[str] = []
    page = opened(context, pages[name], errors)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    width, shown = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert width == shown
    assert errors == []


def test_recipes_are_found_by_words(context: Any, pages: dict[str, Path]) -> None:
    errors: list[str] = []
    page = opened(context, pages["recipes"], errors)
    page.fill("#find", "Monte Carlo mcts")
    shown = page.locator(".card:visible h3").all_text_contents()
    assert "mcts_dpo" in shown
    assert "tick" not in shown
    assert page.locator(".family:visible").count() < 3
    assert errors == []
