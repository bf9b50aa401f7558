"""The rows that a page lists: of many a sample, with its size said, and figures of all rows."""

from typing import Any

import pytest

from assets.report import agreement, listed
from assets.report.page import dataset_report
from tests.assets.report.test_page import Page
from tests.assets.reported import write_pairs


def page_of_rows(workshop: Any, **more: Any) -> tuple[Page, dict[str, Any]]:
    page = Page(dataset_report(workshop.project(), "many", **more).html)
    return page, page.rows()[0]


def test_of_many_rows_a_sample_is_listed_and_its_size_is_said(workshop: Any) -> None:
    write_pairs(workshop, "many", 20)
    page, columns = page_of_rows(workshop, most=8)
    assert len(columns["ids"]) == 8
    assert "A sample of 8 of 20 pairs" in page.text
    assert "20 kept" in page.text
    page, columns = page_of_rows(workshop)
    assert len(columns["ids"]) == 20
    assert "A sample of" not in page.text


def test_a_smaller_sample_is_a_part_of_a_larger_one(workshop: Any) -> None:
    write_pairs(workshop, "many", 20)
    small, more, again = (page_of_rows(workshop, most=most)[1]["ids"] for most in (5, 12, 5))
    assert set(small) < set(more)
    assert small == again


def test_figures_are_of_all_rows(workshop: Any) -> None:
    write_pairs(workshop, "many", 20)
    every, _ = page_of_rows(workshop)
    few, _ = page_of_rows(workshop, most=2)
    for page in (every, few):
        assert "margin of a pair" in page.text
        assert "23 prompts" in page.text
    plots = [
        [attributes["aria-label"] for tag, attributes in page.elements if tag == "svg"]
        for page in (every, few)
    ]
    assert plots[0][1:] == plots[1][1:]


def test_long_texts_make_a_smaller_sample(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pairs(workshop, "many", 20)
    monkeypatch.setattr(listed, "CHARACTERS", 2_000)
    _, columns = page_of_rows(workshop)
    assert 1 <= len(columns["ids"]) < 20
    monkeypatch.setattr(listed, "CHARACTERS", 1)
    _, columns = page_of_rows(workshop)
    assert len(columns["ids"]) == 1


def test_agreement_in_parts_is_that_of_all(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pairs(workshop, "many", 20)
    whole, _ = page_of_rows(workshop)
    monkeypatch.setattr(agreement, "AT_ONCE", 3)
    parts, _ = page_of_rows(workshop)
    assert parts.text == whole.text
