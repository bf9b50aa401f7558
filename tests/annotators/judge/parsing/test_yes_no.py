"""Yes or no is read only where a judge says one of them."""

import pytest

from annotators.judge.parsing.statements import UnparseableVerdict
from annotators.judge.parsing.yes_no import read_yes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("yes", True),
        ("**No.**", False),
        ("Yes, it is.", True),
        ("No, because it is too long.", False),
        ("Answer: Yes", True),
        ("The answer says too much.\nAnswer: no", False),
        ("It names every city.\n\nYes", True),
        ('{"answer": "no"}', False),
        ("<think>No? It does.</think>\n\nYes", True),
        ("Is it short? No.", False),
        ("Yes. The response is correct.", True),
        ("No. The answer was 12, not 14.", False),
        ("The answer is no.", False),
    ],
)
def test_answers_that_are_clear(text: str, says: bool) -> None:
    assert read_yes(text) is says


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No doubt, yes",
        "No issues were found",
        "Yes and no",
        "yes/no",
        "Yes or no",
        "Yes. No.",
        "Not yes",
        "Yes\n\nAnswer: unclear",
        "The answer is unclear. Yes",
        "Answer: yes\nAnswer: no",
        "yesterday",
        "nothing",
        "Yesno",
        "Partly",
        "<think>Yes",
    ],
)
def test_answers_that_are_not_are_refused(text: str) -> None:
    with pytest.raises(UnparseableVerdict):
        read_yes(text)
