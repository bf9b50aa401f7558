"""A review in a real browser: each choice, a comment, taken back, and there after a reload.

Screenshots are left in ``artefacts/review`` of the project.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
from upath import UPath

from assets.review.decisions import Decisions
from assets.storage.tables import Tables
from tests.assets.reported import REFRESH, SCRIPT
from tests.assets.review.conftest import NAME
from tests.checkout import PROJECT

pytestmark = pytest.mark.browser

ARTEFACTS = PROJECT / "artefacts" / "review"


@pytest.fixture
def address(reviewed: Any) -> Iterator[str]:
    """Where ``factory review`` serves its page, until Ctrl-C."""
    command = [sys.executable, "-u", "-m", "assets.cli", "review", NAME, "--name", "ann"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        found = next(filter(None, (re.search(r"http://\S+", line) for line in process.stdout)))
        yield found[0]
        process.send_signal(signal.SIGINT)
        told = process.stdout.read()
    assert process.returncode == 0
    assert "4 pairs reviewed" in told
    assert "agreement with people" in told


@pytest.fixture
def page(address: str, browser: Any) -> Iterator[Any]:
    errors: list[str] = []
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda entry: entry.type == "error" and errors.append(entry.text))
    opened.goto(address)
    yield opened
    opened.close()
    assert errors == []


def decided(page: Any, count: int) -> str:
    """Wait until ``count`` pairs are decided; what the page says of the last decision."""
    page.wait_for_function(
        "count => document.getElementById('far').textContent.startsWith(`${count} of`)", arg=count
    )
    return str(page.locator("#last").text_content())


def test_a_person_accepts_flips_rejects_undoes_and_reloads(page: Any, reviewed: Any) -> None:
    labels = dict(
        Tables(reviewed.folder / "data")
        .read((NAME, "pairs"), REFRESH)
        .select("pair_id", pl.col("chosen").list.last().struct.field("content"))
        .iter_rows()
    )

    def chosen_side() -> str:
        """Where the label's answer stands, which the page does not tell."""
        text = labels[page.locator("#pair").get_attribute("data-pair")]
        return "left" if page.locator("#left .said").text_content() == text else "right"

    assert decided(page, 0) == ""
    title = page.title()
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / "undecided.png", full_page=True)
    # Accepted by key, then flipped by mouse, then rejected.
    side = chosen_side()
    page.keyboard.press("ArrowLeft" if side == "left" else "ArrowRight")
    assert decided(page, 1) == f"Last pair: accepted, its label says {side} too."
    side = chosen_side()
    page.click("#choose-right" if side == "left" else "#choose-left")
    assert decided(page, 2) == f"Last pair: flipped, its label says {side}."
    third = page.locator("#pair").get_attribute("data-pair")
    page.keyboard.press("x")
    assert decided(page, 3).startswith("Last pair: rejected")
    page.keyboard.press("u")
    decided(page, 2)
    assert page.locator("#pair").get_attribute("data-pair") == third
    page.keyboard.press("x")
    decided(page, 3)
    page.screenshot(path=ARTEFACTS / "decided.png", full_page=True)
    page.reload()
    assert decided(page, 3).startswith("Last pair: rejected")
    assert "1 accepted, 1 flipped, 0 equally good, 1 rejected" in str(
        page.locator("#verdicts").text_content()
    )
    agreement = "· with the label in 1 of 2: 50 % (95 % interval 9 % to 91 %)"
    assert page.locator("#agreement").text_content() == agreement
    # A comment is written, in which keys are letters, and the pair is equally good, then skipped.
    page.keyboard.press("c")
    page.keyboard.type("text: both")
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    assert decided(page, 4).startswith("Last pair: equally good")
    comments = [made.comment for made in Decisions(_reviews(reviewed), NAME, "ann")]
    assert comments == ["", "", "", "text: both"]
    page.keyboard.press("u")
    decided(page, 3)
    assert page.locator("#comment").input_value() == "text: both"
    page.keyboard.press("s")
    assert decided(page, 4) == "Last pair: skipped."
    # The words that differ are underlined, or not if the reader says so.
    mark = page.locator("#left mark").first
    underline = "mark => getComputedStyle(mark).textDecorationLine"
    assert mark.evaluate(underline) == "underline"
    page.keyboard.press("d")
    assert mark.evaluate(underline) == "none"
    page.click("#marks")
    assert mark.evaluate(underline) == "underline"
    # On a phone, in the dark, the texts fit, and a script in an answer is a text.
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    for _ in range(16):
        texts = [page.locator(f"#{side} .said").text_content() for side in ("left", "right")]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if SCRIPT in texts:
            page.screenshot(path=ARTEFACTS / "phone-dark.png")
        pair = page.locator("#pair").get_attribute("data-pair")
        page.keyboard.press("1")
        page.wait_for_function(
            "pair => document.getElementById('pair').dataset.pair !== pair "
            "|| document.getElementById('pair').hidden",
            arg=pair,
        )
    decided(page, 20)
    assert page.locator("#finished").is_visible()
    assert page.title() == title
    # Take back all but four by mouse: what is on the page is what is kept.
    for left in range(19, 3, -1):
        page.click("#undo")
        decided(page, left)
    kept = [made.verdict for made in Decisions(_reviews(reviewed), NAME, "ann")]
    assert kept == ["accept", "flip", "reject", "skip"]


def _reviews(workshop: Any) -> UPath:
    return UPath(workshop.folder) / "data" / "reviews"
