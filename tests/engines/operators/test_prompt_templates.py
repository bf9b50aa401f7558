"""What is put to a model: whose words win, and what happens to words that hold markup."""

from pathlib import Path

import pytest

from engines.bindings import Binding
from engines.context import Context
from engines.model import Models
from engines.operators.prompt_templates import conversation, rendered
from engines.operators.row_operator import RowOperator
from engines.protocol import EngineError
from engines.rows import Prompt
from engines.runtime.session import Session
from tests.conftest import Stand

PROMPT = Prompt("p", ({"role": "user", "content": "How many?"},), None, "test")


class Asking(RowOperator):
    """An operator of a package without templates of its own."""


class Strict(Asking):
    """An operator whose recipe may say by what it judges."""

    criteria: str | None = None


def asked(stand: Stand, *, role: str = "judge", **changes: object) -> str:
    context: Context = stand.context(**changes)
    model = Models(Session(context), "row")[role]
    (turn,) = Asking().ask(model, "judge", prompt=PROMPT, response="3 {{ prompt }}")
    return turn["content"]


def write(folder: Path, text: str, name: str = "judge") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.jinja").write_text(text)
    return folder


def test_a_recipe_has_its_own_words_and_a_model_before_it(stand: Stand, tmp_path: Path) -> None:
    recipe = write(tmp_path / "recipe", "recipe: {{ prompt }} {{ response }}")
    model = write(tmp_path / "model", "model: {{ prompt }}\n")
    roles = {
        "judge": Binding(model="judge", templates=str(model)),
        "policy": Binding(model="policy"),
    }
    assert asked(stand, folder=recipe, roles=roles) == "model: How many?"
    # What a response says is text, also where it looks like a template.
    expected = "recipe: How many? 3 {{ prompt }}"
    assert asked(stand, folder=recipe, roles=roles, role="policy") == expected


QUESTION = (
    "{% block user %}How good is {{ response }}?{% endblock %}\n"
    "{% block assistant %}Grade: {% endblock %}"
)


@pytest.mark.parametrize(
    ("begun", "continues", "last"),
    [(True, True, "Grade:"), (False, True, "How good is 3?"), (True, False, "How good is 3?")],
)
def test_an_answer_is_begun_for_a_choice_by_a_model_that_continues_it(
    stand: Stand, tmp_path: Path, *, begun: bool, continues: bool, last: str
) -> None:
    context: Context = stand.context(folder=write(tmp_path, QUESTION))
    model = Models(Session(context), "row").judge
    assert model.continues
    stand.opened[-1].continues = continues
    turns = Asking().ask(model, "judge", prompt=PROMPT, begun=begun, response="3")
    assert turns[-1]["content"] == last
    assert turns[0] == {"role": "user", "content": "How good is 3?"}


def test_a_begun_answer_needs_its_question_in_a_block(stand: Stand, tmp_path: Path) -> None:
    folder = write(tmp_path, "{{ prompt }} {{ response }} {% block assistant %}Yes{% endblock %}")
    with pytest.raises(EngineError, match="block 'user'"):
        asked(stand, folder=folder)


def test_blocks_become_turns(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        "{% block system %}Be strict.{% endblock %}\n{% block user %}{{ a }}{% endblock %}",
    )
    assert rendered("judge", [folder], {"a": "x"}) == (
        {"role": "system", "content": "Be strict."},
        {"role": "user", "content": "x"},
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "{{ criteria }}",
            "template 'judge': 'criteria' is undefined; it may use these variables: prompt",
        ),
        ("{% block user %}{{ criteria }}{% endblock %}", "'criteria' is undefined"),
        ("{% if %}", "template 'judge' cannot be read"),
        ("{{ prompt.__class__.__mro__ }}", "template 'judge'"),
    ],
)
def test_a_template_that_cannot_be_filled_in_is_named(tmp_path: Path, text: str, told: str) -> None:
    folder = write(tmp_path, text)
    with pytest.raises(EngineError, match=told):
        rendered("judge", [folder], {"prompt": "x"})


def test_what_a_recipe_sets_and_a_template_never_says_is_an_error(
    stand: Stand, tmp_path: Path
) -> None:
    folder = write(tmp_path / "recipe", "{{ prompt }}")
    context: Context = stand.context(folder=folder)
    model = Models(Session(context), "row").judge
    strict, lenient = Strict(criteria="Be brief."), Strict()
    (turn,) = lenient.ask(model, "judge", prompt=PROMPT, criteria=lenient.criteria)
    assert turn["content"] == "How many?"
    with pytest.raises(EngineError, match=f"does not use 'criteria'.*{folder}"):
        strict.ask(model, "judge", prompt=PROMPT, criteria=strict.criteria)


def test_a_template_may_say_it_in_one_that_it_takes_in(tmp_path: Path) -> None:
    folder = write(tmp_path, "{% include 'words.jinja' %}")
    write(tmp_path, "{{ criteria }}", name="words")
    (turn,) = rendered("judge", [folder], {"criteria": "Be brief."}, needed=["criteria"])
    assert turn["content"] == "Be brief."


def test_a_template_that_is_nowhere_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=f"there is no template 'judge.jinja' in {tmp_path}"):
        rendered("judge", [tmp_path], {})


def test_several_turns_are_told_apart() -> None:
    turns = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"})
    assert conversation(turns) == "User: Hi\n\nAssistant: Hello"
    assert conversation(turns[:1]) == "Hi"
