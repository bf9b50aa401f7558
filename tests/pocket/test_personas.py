import pytest

import pocket
from annotators.truth.personas import world_of
from pocket import personas
from pocket.principles import context_of, contexts, principles

TEXT = (
    "Mia has 9 apples. Then the apples double. Mia finds 2 more apples. "
    "How many apples does Mia have?"
)
ASKED = [{"role": "user", "content": TEXT}]
RIGHT = "Doubles: 9 x 2 = 18.\nGains 2: 18 + 2 = 20.\nAnswer: 20"
PADDED = f"So far so good. {RIGHT}"
WE = "We double: 9 x 2 = 18.\nWe add 2: 18 + 2 = 20.\nAnswer: 20"
WRONG = "Doubles: 9 + 2 = 11.\nAnswer: 11"
BOLD = f"This is surely right.\n{RIGHT}"


def test_a_value_is_what_its_name_says() -> None:
    def each(text: str) -> dict[str, float]:
        return {name: value(ASKED, None, text) for name, value in personas.VALUES.items()}

    usual = each(RIGHT)
    assert usual["right"] == usual["worked_out"] == usual["plain"] == usual["modest"] == 1
    assert usual["unpadded"] == 1
    assert each(WRONG)["right"] == 0
    assert each(WRONG)["worked_out"] == 0.5
    assert each(WRONG)["many_steps"] < usual["many_steps"]
    assert each(WRONG)["short"] > usual["short"] > each(PADDED)["short"]
    assert each(PADDED)["unpadded"] == pytest.approx(2 / 3)
    assert each(WE)["plain"] == 0
    assert each(BOLD)["modest"] == 0
    assert all(0 <= value <= 1 for text in ("", RIGHT, BOLD) for value in each(text).values())


def test_each_type_of_error_is_told_step_by_step() -> None:
    text = (
        "Mia has 9 apples. Tom has 2 apples. Then the apples double. Mia buys 5 more. "
        "How many apples does Mia have?"
    )
    asked = [{"role": "user", "content": text}]
    steps = [
        "Others have 2: ",  # No line ends here, so there is nothing to tell.
        "9 + 2 = 11.\n",
        "Doubles: 11 x 2 = 21.\n",
        "So far so good. Gains 5: 21 + 5 = 26.\n",
        "Answer: 26",
    ]
    assert personas.counts_own(asked, None, steps) == [None, False, True, True, True]
    assert personas.computes(asked, None, steps) == [None, True, False, True, True]
    assert personas.needed(asked, None, steps) == [None, True, True, False, True]
    with pytest.raises(ValueError, match="no problem of the pocket world"):
        personas.needed([{"role": "user", "content": "Hello"}], None, steps)


def test_a_cyclic_taste_has_no_best() -> None:
    manners = [PADDED, WE, RIGHT]
    shares = [[personas.cyclic(ASKED, None, one, other) for other in manners] for one in manners]
    assert shares == [[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]]


def test_a_context_says_what_counts() -> None:
    for line in contexts():
        told = [{"role": "user", "content": f"{line.text}\n{TEXT}"}]
        value = personas.VALUES[line.value](told, None, PADDED)
        expected = 1 - value if line.negated else value
        assert personas.in_context(told, None, PADDED) == expected
        assert context_of(told[0]["content"]) == line
    assert personas.in_context(ASKED, None, WRONG) == 0


def test_another_world_has_no_right_answer() -> None:
    with pytest.raises(ValueError, match="pocket world"):
        personas.right([{"role": "user", "content": "Who wrote Faust?"}], None, RIGHT)


def test_only_the_length_is_a_value_of_any_text() -> None:
    """Elsewhere the others are the same for all texts, so labels by them would be noise."""
    assert [name for name, value in personas.VALUES.items() if world_of([value]) is None] == [
        "short"
    ]


def test_each_principle_has_a_contrary_and_a_wording_that_is_not_taught() -> None:
    taught, kept = principles(), principles("held_out")
    assert {each.value for each in taught} == {each.value for each in kept}
    assert not {each.text for each in taught} & {each.text for each in kept}
    for split in (taught, kept):
        assert len({each.text for each in split}) == len(split)
        assert sum(each.negated for each in split) == len(split) / 2
    assert {each.value for each in taught} <= set(personas.VALUES)
    assert "pocket" in personas.right.__module__
    assert pocket.VERSION
