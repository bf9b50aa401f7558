"""The prompts that generators come with, for models that know nothing of this factory."""

from typing import Any

import pytest

import generators
from engines.operators.prompt_templates import rendered
from engines.operators.row_operator import template_folders

FOLDERS = template_folders(generators.Rewrite)
TEXTS = {"prompt": "2 and {{ 2 }}?", "response": "2 + 2 = 4"}


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("critique", TEXTS),
        ("revise", TEXTS | {"critique": "Is it long? No."}),
        ("inject_error", TEXTS | {"kind": "sum"}),
        ("new_problem", {"prompt": "", "examples": ["one apple", "two pears"]}),
    ],
)
def test_a_template_shows_all_that_it_is_given(name: str, variables: dict[str, Any]) -> None:
    system, user = rendered(name, FOLDERS, variables)
    assert (system["role"], user["role"]) == ("system", "user")
    shown = [text for key, text in variables.items() if key not in ("kind", "examples")]
    assert all(text in user["content"] for text in [*shown, *variables.get("examples", [])])


def test_a_problem_is_asked_to_be_cited_as_it_is() -> None:
    (user,) = rendered("cite", FOLDERS, TEXTS)
    assert user["content"].startswith(TEXTS["prompt"])
