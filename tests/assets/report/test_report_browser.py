"""The report in a real browser: 50,000 rows searched, filtered and paged without an error.

Screenshots and figures are left in ``artefacts/report`` of the project.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.report.page import write_report
from tests.assets.reported import LONG, SCRIPT, write_pairs, write_solutions
from tests.checkout import PROJECT

pytestmark = pytest.mark.browser

ROWS = 50_000
ARTEFACTS = PROJECT / "artefacts" / "report"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def reports(ran_once: Any) -> dict[str, Path]:
    """The page of 50,000 pairs, one with a script in it and one very long, and that of steps."""
    workshop, _ = ran_once
    pages = {name: workshop.folder / f"{name}.html" for name in ("many", "solved")}
    with pytest.MonkeyPatch.context() as patch:
        workshop.enter(patch)
        write_pairs(workshop, "many", ROWS, said=[SCRIPT, LONG])
        write_solutions(workshop, "solved", 120)
        for name, out in pages.items():
            write_report(workshop.project(), name, most=ROWS, out=out)
    return pages


class Reader:
    """Someone who reads a report: what they see, and every error and request meanwhile."""

    def __init__(self, browser: Any, path: Path, **how: Any) -> None:
        self.context = browser.new_context(**{"viewport": DESKTOP, **how})
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("#list li")

    def status(self, told: str) -> str:
        """The line that counts rows, once it says ``told``."""
        self.page.wait_for_function(
            "told => document.getElementById('status').textContent.includes(told)", arg=told
        )
        return str(self.page.locator("#status").text_content())

    def milliseconds(self) -> float:
        return float(self.page.locator("#status").get_attribute("data-milliseconds"))

    def place(self) -> str:
        return str(self.page.locator("#place").text_content())

    def leave(self) -> None:
        self.context.close()
        assert self.errors == []
        assert [url for url in self.requests if not url.startswith(("file:", "data:"))] == []


def record(**figures: float) -> None:
    """Keep figures of this machine beside the screenshots; none is asserted."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    file = ARTEFACTS / "figures.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(kept | figures, indent=2) + "\n")


@pytest.fixture
def reader(browser: Any, reports: dict[str, Path]) -> Iterator[Reader]:
    reading = Reader(browser, reports["many"])
    yield reading
    reading.leave()


def test_search_filters_and_pages(reader: Reader, reports: dict[str, Path]) -> None:
    page = reader.page
    reader.status("All 50,000 rows")
    page.fill("#query", "(2026-11-01, 4321")
    # Rows 4321 and 43210 to 43219.
    reader.status("11 of 50,000 rows")
    first = reader.milliseconds()
    assert "(2026-11-01, 4321)" in page.locator(".asking").text_content()
    assert page.locator("#row mark").first.text_content() == "(2026-11-01, 4321"
    page.fill("#query", "no text says this")
    reader.status("0 of 50,000 rows")
    again = reader.milliseconds()
    page.fill("#query", "")
    reader.status("All 50,000 rows")
    page.get_by_label("label", exact=True).select_option("wrong")
    reader.status("5,000 of 50,000 rows")
    page.fill("#low", "0.9")
    page.select_option("#order", "highest first")
    page.wait_for_function("document.getElementById('filtering').textContent.includes('3')")
    amounts = [float(text) for text in page.locator("#list .amount").all_text_contents()]
    assert amounts == sorted(amounts, reverse=True)
    assert min(amounts) >= 0.9
    page.click("#forth")
    assert page.input_value("#page") == "2"
    assert reader.place().startswith("51 of")
    page.click("#last")
    assert page.locator("#forth").is_disabled()
    page.click("#clear")
    reader.status("All 50,000 rows")
    page.fill("#page", "1000")
    page.press("#page", "Enter")
    assert reader.place() == "49,951 of 50,000"
    record(
        rows=ROWS,
        megabytes=round(reports["many"].stat().st_size / 1e6, 2),
        first_search_milliseconds=first,
        later_search_milliseconds=again,
    )


def test_keys_go_from_row_to_row(reader: Reader) -> None:
    page = reader.page
    reader.status("All 50,000 rows")
    for key, place in (("j", "2"), ("j", "3"), ("k", "2"), ("]", "51"), ("[", "1")):
        page.keyboard.press(key)
        assert reader.place() == f"{place} of 50,000"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"
    page.keyboard.type("jkjk")
    reader.status("0 of 50,000 rows")
    page.fill("#query", "")
    reader.status("All 50,000 rows")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "list"
    for key, place in (("ArrowDown", "2"), ("PageDown", "51"), ("End", "50,000"), ("Home", "1")):
        page.keyboard.press(key)
        assert reader.place() == f"{place} of 50,000"
    chosen = page.locator("#list").get_attribute("aria-activedescendant")
    assert page.locator(f"#{chosen}").get_attribute("aria-selected") == "true"


def test_typing_is_never_kept_waiting(reader: Reader) -> None:
    # Every key begins a search of all rows; only the last one's result is shown.
    reader.status("All 50,000 rows")
    reader.page.evaluate(
        """() => {
            window.longest = 0; // of Chromium's tasks over 50 ms
            new PerformanceObserver((list) => {
                for (const task of list.getEntries()) longest = Math.max(longest, task.duration);
            }).observe({ type: "longtask" });
        }"""
    )
    reader.page.focus("#query")
    reader.page.keyboard.type("have now? (2026-11-01, 49999")
    reader.status("1 of 50,000 rows")
    record(longest_task_while_typing_milliseconds=reader.page.evaluate("longest"))


def test_a_script_and_a_very_long_answer_do_no_harm(reader: Reader) -> None:
    page = reader.page
    title = page.title()
    page.fill("#query", "<SCRIPT>")
    reader.status("1 of 50,000 rows")
    assert page.locator(".side.chosen .said").text_content() == SCRIPT
    page.fill("#query", "a very long answer")
    reader.status("1 of 50,000 rows")
    assert page.locator(".side.chosen .said").text_content() == LONG
    assert page.locator("#row img, #list img").count() == 0
    assert page.title() == title
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_steps_are_coloured_by_label_or_by_value(browser: Any, reports: dict[str, Path]) -> None:
    reader = Reader(browser, reports["solved"])
    reader.page.get_by_label("labelled with").select_option("a wrong step")
    reader.status("60 of 120 rows")
    steps = reader.page.locator(".steps li")
    assert [steps.nth(number).get_attribute("class") for number in range(3)] == [
        "good",
        "bad",
        "none",
    ]
    assert "🙂" in steps.first.text_content()
    reader.page.locator("#colouring").get_by_text("value").click()
    assert [steps.nth(number).get_attribute("class") for number in range(3)] == ["t6", "t0", "none"]
    reader.leave()


def test_every_control_has_a_name(reader: Reader) -> None:
    nameless = reader.page.evaluate(
        """[...document.querySelectorAll("button, input, select, summary, [role=listbox], svg")]
        .filter((each) => !each.ariaLabel && !each.labels?.length && !each.textContent.trim())
        .map((each) => each.outerHTML)"""
    )
    assert nameless == []


def test_the_switch_of_colours_goes_before_the_system(reader: Reader) -> None:
    page = reader.page
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.locator(".bar .theme").get_by_text("dark").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.locator(".bar .theme").get_by_text("auto").click()
    assert page.evaluate(paper) == light
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(paper) == dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", ["many", "solved"])
def test_it_fits_every_screen(
    browser: Any, reports: dict[str, Path], name: str, size: dict[str, int], scheme: str
) -> None:
    reader = Reader(browser, reports[name], viewport=size, color_scheme=scheme)
    assert reader.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    models = "[aria-label=Models]"
    inside, shown = reader.page.eval_on_selector(models, "e => [e.scrollWidth, e.clientWidth]")
    assert inside == shown
    device = "desktop" if size is DESKTOP else "phone"
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    reader.page.screenshot(path=ARTEFACTS / f"{name}-{device}-{scheme}.png", full_page=True)
    reader.page.evaluate("document.getElementById('rows').scrollIntoView()")
    reader.page.screenshot(path=ARTEFACTS / f"{name}-{device}-{scheme}-rows.png")
    reader.leave()
