"""The edit in a reply: what a model says about it is removed, or the edit is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators import Refusal
from generators.revision.edited_text import edit_in, same_layout
from tests.generators.revision.markdown_answers import ANSWERS

ORIGINAL = "The sky is blue because of water.\n"
EDIT = "The sky is blue because air scatters light."


@pytest.mark.parametrize(
    "reply",
    [
        EDIT,
        f"\n\n{EDIT}\n",
        f"Here is the revised answer:\n\n{EDIT}",
        f"Sure! Here's a revised version of the answer that meets the critique:\n{EDIT}",
        f"Certainly, here is the answer again, with one small mistake in it:\n\n{EDIT}",
        f"Revised answer: {EDIT}",
        f"**Corrected Solution:**\n\n{EDIT}",
        f"### Improved version\n\n{EDIT}",
        f"I have revised the answer as follows:\n{EDIT}",
        f"Answer: {EDIT}",
        f"<answer>\n{EDIT}\n</answer>",
        f"Here is the new answer:\n\n<answer>{EDIT}</answer>\n\nI changed the cause.",
        f"```markdown\n{EDIT}\n```",
        f'"{EDIT}"',
        f"{EDIT}\n\nI changed the wording of the sentence.",
        f"{EDIT}\n\nChanges made:\n- The cause is right now.",
        f"Here is the rewritten response:\n\n```\n{EDIT}\n```",
    ],
)
def test_only_the_edit_is_kept_with_the_space_of_the_original(reply: str) -> None:
    assert edit_in(reply, ORIGINAL) == f"{EDIT}\n"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "the edit is empty"),
        ("Here is the revised answer:", "the edit is empty"),
        ("The sky is  blue because of water.", "the edit changed nothing"),
        ("Revised answer:\n\nThe sky is blue because of water.", "the edit changed nothing"),
        ("The revised answer says why the sky is blue.", "the edit speaks about the edit"),
        ("I have corrected the mistakes in it.", "the edit speaks about the edit"),
        ("The critique is right. The sky is blue.", "the edit speaks about the edit"),
        ("I'm sorry, but the sky is blue.", "the edit speaks about the edit"),
        ("The sky <task> is blue.", "the edit speaks about the edit"),
    ],
)
def test_what_is_no_edit_is_refused(reply: str, reason: str) -> None:
    found = edit_in(reply, ORIGINAL)
    assert isinstance(found, Refusal)
    assert found.reason == reason


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_the_original_has_stays(answer: str) -> None:
    changed = answer.replace("or", "and", 1)
    assert edit_in(changed, answer) == changed
    assert same_layout(changed, answer)


@pytest.mark.parametrize(
    "text",
    [
        "Answer: 4",
        "Here is the answer:\n4",
        "I'm sorry for the late reply.",
        '"To be or not to be"',
        "```\nx = 1\n```",
        "<answer>4</answer>",
    ],
)
def test_a_response_of_the_same_form_is_edited_as_it_is(text: str) -> None:
    edit = text.replace("4", "5").replace("late", "slow").replace("x", "y").replace("or", "and")
    assert edit_in(edit, text) == edit


@given(st.text("ab \n-1.", max_size=20), st.text("ab \n-1.", max_size=20))
def test_an_edit_is_another_text_with_the_same_space_around_it(reply: str, original: str) -> None:
    found = edit_in(reply, original)
    if isinstance(found, str):
        assert found.split() != original.split()
        assert found.strip()
        if original.strip():
            assert (
                found[: len(found) - len(found.lstrip())]
                == (original[: len(original) - len(original.lstrip())])
            )


def test_layout_is_lines_indentation_and_markers() -> None:
    text = "1. a\n   b\n\n- c"
    assert same_layout("1. x y\n   z\n\n- c d", text)
    for other in ("1. a b\n\n- c", "1. a\n b\n\n- c", "1. a\n   b\n\n* c", "1. a\n   b\n- c"):
        assert not same_layout(other, text)
