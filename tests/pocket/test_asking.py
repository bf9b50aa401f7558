import random
from typing import Any

import pytest
from jinja2 import UndefinedError

import pocket
from engines.operators.prompt_templates import rendered
from pocket.lessons import LESSONS, Sampler

# Every variable of the templates, with texts that a careless template would spoil.
VARIABLES: dict[str, Any] = {
    "prompt": "Mia has 2 apples. How many apples does Mia have?",
    "response": "  Gains 4: 2 + 4 = 6.\nAnswer: {{ 6 }}\n",
    "a": "Answer: 2",
    "b": "",
    "criteria": "Be right.",
    "responses": ["Answer: 2", "", "Answer: <b>3</b>"],
    "item": "Is each sum correct?",
    "samples": [],
    "steps": ["2 + 4 = 6.", "Answer: 6"],
    "critique": "Step 1 has a wrong sum.",
    "kind": "sum",
    "examples": ["Tom has 3 pens. How many pens does Tom have?"],
    "exemplars": [],
    "reference": 4,
    "principle": "It should be short.",
    "context": "The reader is in a hurry.",
    "critiques": ["No step is wrong."],
    "step": 2,
    "condition": "right",
    "statements": ["Mia has 2 apples."],
    "program": "a = 2\nprint(a)",
    "printed": 2,
    "expected": 6,
    "expression": "2 + 4",
    "text": "Mia has 2 apples.",
    "question": "How many apples does Mia have?",
}
REWORDED = {
    "criterion_graded": "principle_pointwise",
    "criterion_yes_no": "checklist_item",
    "judge_principled": "judge_rationale",
    "explain_preference": "pairwise_rationale",
    "extract_rules": "write_checklist",
    "mend_step": "revise_step",
    "review_rubric": "critique",
    "rubric_items": "write_checklist",
}
"""Templates that ask for a skill with the variables of an operator."""
NAMES = sorted({path.stem for path in pocket.TEMPLATES.glob("*.jinja")} - REWORDED.keys())


def test_each_skill_has_a_template_and_each_template_a_skill() -> None:
    # A thought is asked for by no words: the chat template opens it.
    assert sorted(LESSONS.keys() - {"think"}) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_skill_is_asked_for_in_the_text_that_it_was_taught_in(name: str) -> None:
    (turn,) = rendered(name, [pocket.TEMPLATES], VARIABLES)
    assert turn == {"role": "user", "content": pocket.ask(name, **VARIABLES)}


@pytest.mark.parametrize(("name", "taught"), REWORDED.items())
def test_an_operator_asks_in_the_words_of_a_skill(name: str, taught: str) -> None:
    words = "It should be short."
    asked = {**VARIABLES, "principle": words, "item": words, "a": VARIABLES["response"]}
    told = {
        "criterion": words,
        "wrong_step": [{"value": VARIABLES["step"] - 1.0}],
        "rejected": [VARIABLES["b"]],
    }
    (turn,) = rendered(name, [pocket.TEMPLATES], {**VARIABLES, **told})
    assert turn["content"] == pocket.ask(taught, **asked)


@pytest.mark.parametrize("name", ["judge_pointwise", "checklist_item", "revise", "critique"])
def test_a_text_is_put_in_as_it_is(name: str) -> None:
    assert str(VARIABLES["response"]) in pocket.ask(name, **VARIABLES)


def test_a_missing_variable_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="response"):
        pocket.ask("p_true", prompt="?")


def test_judges_read_the_same_text_whatever_the_criteria() -> None:
    for name in ("judge_pointwise", "judge_rationale", "judge_pairwise", "judge_listwise"):
        plain = pocket.ask(name, **{**VARIABLES, "criteria": None})
        assert plain == pocket.ask(name, **VARIABLES)


def test_exemplars_are_shown_whole_and_change_no_word_of_the_question() -> None:
    exemplar = {"prompt": "Tom has 3 pens.", "chosen": "Answer: 3", "rejected": "Answer: 4"}
    plain = rendered("with_criteria", [pocket.TEMPLATES], VARIABLES)
    shown = rendered("with_criteria", [pocket.TEMPLATES], {**VARIABLES, "exemplars": [exemplar]})
    assert shown[1:] == plain
    assert shown[0]["role"] == "system"
    assert all(said in shown[0]["content"] for said in exemplar.values())


def test_no_template_leaves_a_mark_of_jinja() -> None:
    for lesson in LESSONS.values():
        for turn in lesson.tell(Sampler(random.Random(0), "base")):
            if turn["role"] == "user":
                assert not {"{", "}", "%"} & set(turn["content"])
                assert turn["content"] == turn["content"].strip()
