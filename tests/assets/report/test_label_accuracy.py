"""What the head of a report counts as true and false labels."""

from typing import Any

from assets.report.page import dataset_report
from tests.assets.reported import write_pairs

COUNTED = "pairs with one right and one wrong answer"


def test_pairs_of_two_wrong_answers_are_not_counted_as_false_labels(workshop: Any) -> None:
    write_pairs(workshop, "told", 10, said=["I do not know"] * 4)
    # Of the six pairs with a right answer, the last is labelled the wrong way round.
    assert f"83.3 %<small>of 6 {COUNTED}" in dataset_report(workshop.project(), "told").html


def test_no_accuracy_is_told_of_pairs_that_are_all_alike(workshop: Any) -> None:
    write_pairs(workshop, "alike", 2, said=["I do not know"] * 2)
    assert f"–<small>of 0 {COUNTED}" in dataset_report(workshop.project(), "alike").html
