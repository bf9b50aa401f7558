"""Steps of answers as chat models write them: code, tables and formulas stay whole."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.operators.markdown_blocks import undivided
from engines.operators.step_ends import line_ends, paragraph_ends, sentence_ends

CODE = "   ```python\n   def f():\n\n       return 1. Or 2\n   ```\n"
TABLE = "| a | b |\n|---|---|\n| 1. So | 2 |\n\n"
FORMULA = "\\[\nx = 1. \n\ny\n\\]\n"
TEXT = f"""# A plan

Ask Dr. Smith, e.g. for 2.50. Then:

1. First. It is one
   item.
2. Second

{CODE}
{TABLE}{FORMULA}Done! So it is."""


def steps(text: str, ends: list[int]) -> list[str]:
    return [text[start:end] for start, end in pairwise([0, *ends])]


def test_a_line_is_a_step_and_blocks_stay_whole() -> None:
    assert steps(TEXT, line_ends(TEXT)) == [
        "# A plan\n\n",
        "Ask Dr. Smith, e.g. for 2.50. Then:\n\n",
        "1. First. It is one\n",
        "   item.\n",
        "2. Second\n\n",
        f"{CODE}\n",
        TABLE,
        FORMULA,
        "Done! So it is.",
    ]


def test_a_paragraph_or_an_item_of_a_list_is_a_step() -> None:
    assert steps(TEXT, paragraph_ends(TEXT)) == [
        "# A plan\n\nAsk Dr. Smith, e.g. for 2.50. Then:\n\n",
        "1. First. It is one\n   item.\n",
        f"2. Second\n\n{CODE}\n",
        TABLE,
        f"{FORMULA}Done! So it is.",
    ]


def test_a_sentence_is_a_step_and_abbreviations_and_numbers_do_not_end_it() -> None:
    assert steps(TEXT, sentence_ends(TEXT)) == [
        "# A plan\n\n",
        "Ask Dr. Smith, e.g. for 2.50. ",
        "Then:\n\n",
        "1. First. ",
        "It is one\n",
        "   item.\n",
        "2. Second\n\n",
        f"{CODE}\n",
        TABLE,
        FORMULA,
        "Done! ",
        "So it is.",
    ]


def test_a_fence_that_is_not_closed_reaches_to_the_end() -> None:
    text = "So:\n```\na\n\nb. C\n"
    for ends in (line_ends, paragraph_ends, sentence_ends):
        assert steps(text, ends(text)) == ["So:\n", "```\na\n\nb. C\n"]


PARTS = ("a", "Mr.", ". B", "?", "\n", "\r\n", " ", "    ", "```", "|", "|-|", "$$", "\\[", "\\]")
MORE = ("1. ", "- ", "# ", "> ", "\u2028", "\u3000", "é", "。", '"')


@pytest.mark.parametrize("ends", [line_ends, paragraph_ends, sentence_ends])
@given(parts=st.lists(st.sampled_from((*PARTS, *MORE)), max_size=30))
def test_steps_have_words_and_join_to_the_text(ends: object, parts: list[str]) -> None:
    assert callable(ends)
    text = "".join(parts)
    found = steps(text, ends(text))
    assert "".join(found) == (text if text.strip() else "")
    assert all(step.strip() for step in found)
    places = ends(text)
    assert not any(one.start < at < one.end for one in undivided(text) for at in places)
