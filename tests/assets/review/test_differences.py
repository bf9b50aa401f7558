"""The marked words are those that differ, and no text is lost."""

from hypothesis import given
from hypothesis import strategies as st

from assets.review.differences import differences


def marked(parts: list[tuple[str, bool]]) -> list[str]:
    return [text for text, differs in parts if differs]


def test_words_that_differ_are_marked_with_the_spaces_between_them() -> None:
    left, right = differences("First 17 + 25 = 42.\nSo it is.", "First 17 + 25 = 43.\n\nSo be it.")
    assert marked(left) == ["42", "is"]
    assert marked(right) == ["43", "be"]
    left, right = differences("a good answer", "a very bad answer")
    assert (marked(left), marked(right)) == (["good"], ["very bad"])


def test_equal_texts_have_no_mark_and_an_empty_text_none() -> None:
    assert differences("the same", "the same") == ([("the same", False)],) * 2
    assert differences("", "all new") == ([], [("all new", True)])


@given(st.text(alphabet="ab .\n<é"), st.text(alphabet="ab .\n<é"))
def test_the_parts_are_the_texts(left: str, right: str) -> None:
    for text, parts in zip((left, right), differences(left, right), strict=True):
        assert "".join(part for part, _ in parts) == text
        assert all(part for part, _ in parts)
