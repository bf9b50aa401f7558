"""Rubrics as YAML and Markdown files."""

import re
from pathlib import Path

import pytest

from annotators.criteria.rubric_files import SHIPPED, find_rubric, read_rubric
from engines.protocol import EngineError

YAML = """
rubric: support
source: our handbook
criteria:
  - The answer addresses the question.
  - {name: blame, text: It blames the customer., kind: yes_no, negated: true, weight: 2}
"""
MARKDOWN = """# support

Source: our handbook

Words before the list say what it is for.

1. The answer addresses
   the question.
2. **blame** (yes_no, negated, weight 2): It blames the customer.
"""


def test_markdown_says_the_same_as_yaml(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(YAML)
    (tmp_path / "b.md").write_text(MARKDOWN)
    one, other = (read_rubric(find_rubric(name, tmp_path)) for name in ("a", "b.md"))
    assert one == other
    assert one.rows().equals(other.rows())
    assert one.source == "our handbook"


def test_a_list_is_a_rubric_named_as_its_file(tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text("- It is short.\n- It is right.\n")
    rubric = read_rubric(tmp_path / "short.yaml")
    assert (rubric.rubric, [one.name for one in rubric.criteria]) == (
        "short",
        ["It is short.", "It is right."],
    )


@pytest.mark.parametrize("file", sorted(SHIPPED.iterdir()), ids=lambda file: file.name)
def test_a_shipped_rubric_says_where_it_comes_from(file: Path) -> None:
    rubric = read_rubric(file)
    assert rubric.rubric == file.stem
    assert rubric.source


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "- a\n- {text: ''}", "line 2, criterion 2, field 'text': is empty"),
        ("a.yaml", "just words", "line 1: it is neither a list of criteria nor a mapping"),
        ("a.yaml", "criteria: 5", "line 1, field 'criteria': must be a list"),
        ("a.yaml", "- 5", "line 1, criterion 1: must be a text, or a mapping"),
        (
            "a.yaml",
            "criteria:\n- {name: calm, text: a, kin: graded}",
            "line 2, criterion 1 (calm), field 'kin': a criterion has no such field; did you mean",
        ),
        (
            "a.yaml",
            "- text: a\n  kind: counts",
            "line 2, criterion 1, field 'kind': must be one",
        ),
        ("a.yaml", "- Honest: it is", "field 'Honest': a criterion has no such field"),
        ("a.yaml", "- text: a\n  text: b", "line 2: 'text' is here twice"),
        ("a.yaml", "- a\n  b: c", "line 2: is not YAML"),
        ("a.yaml", "rubrik: a\ncriteria: [b]", "line 1, field 'rubrik': a rubric has no such"),
        ("a.yaml", "- &a [*a]", "line 1, criterion 1: must be a text"),
        ("a.md", "# empty\n", "line 1, field 'criteria': must be a list of at least one"),
        ("a.md", "\n- **a** (counts): b", "line 2: 'counts' of 'a' is none of graded, yes_no"),
        ("a.md", "- a\nb", "line 2: 'b' is no item of the list"),
        ("a.md", "<!--\n-->\n- **a**:", "line 3, criterion 1 (a), field 'text': is empty"),
        ("a.md", "- a\n- a", "criteria 1 and 2 have the name 'a'"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_where(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(EngineError, match=re.escape(said)) as told:
        read_rubric(tmp_path / name)
    assert str(told.value).startswith(f"the rubric {tmp_path / name}, line ")


def test_a_missing_rubric_names_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"no rubric 'counseling'.*counselling"):
        find_rubric("counseling", tmp_path)
