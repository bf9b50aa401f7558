import random
import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pocket
from pocket.reasoning import operations, start, work

seeds = st.integers(0, 2**48)
misconceptions = st.sampled_from(
    [frozenset(some) for size in range(4) for some in combinations(pocket.MISCONCEPTIONS, size)]
)
styles = st.sampled_from(["plain", "we"])


@given(seeds, styles, st.booleans())
def test_the_careful_are_right_at_every_step_however_much_they_say(
    seed: int, style: pocket.authors.Style, pads: bool
) -> None:
    asked = pocket.problem(seed, 0)
    author = pocket.Author(frozenset({"pads"} if pads else ()), style)
    judgement = pocket.judge_steps(asked, pocket.write(asked, author, random.Random(seed)))
    assert judgement.correct
    assert judgement.first_error is None
    assert judgement.answer == pocket.answer(asked)
    assert len(judgement.steps) == pocket.difficulty(asked) + 1


@given(seeds, misconceptions, styles, st.booleans())
def test_each_error_is_blamed_on_its_step_and_habit(
    seed: int, held: frozenset[pocket.Habit], style: pocket.authors.Style, pads: bool
) -> None:
    asked = pocket.problem(seed, 0)
    author = pocket.Author(held | {"pads"} if pads else held, style)
    judgement = pocket.judge_steps(asked, pocket.write(asked, author, random.Random(seed)))
    made = [step.habit for step in work(operations(asked), start(asked), held)]
    # The answer line only states what the steps came to, so it is never the author's error.
    assert [step.habit for step in judgement.steps] == [*made, None]
    assert [step.right for step in judgement.steps] == [habit is None for habit in [*made, None]]
    assert judgement.correct == (not held & pocket.brought_out(asked))
    wrong = [index for index, habit in enumerate(made) if habit]
    assert judgement.first_error == (wrong[0] if wrong else None)


@given(seeds, styles)
def test_a_slip_is_the_step_whose_sum_is_false(seed: int, style: pocket.authors.Style) -> None:
    asked = pocket.problem(seed, 0, operations=(4, 5))
    author = pocket.Author(frozenset({"slips"}), style)
    judgement = pocket.judge_steps(asked, pocket.write(asked, author, random.Random(seed)))
    for step in judgement.steps[:-1]:
        left, sign, right, result = re.search(r"(\d+) (.) (\d+) = (\d+)", step.text).groups()
        true = eval(f"{left} {sign.replace('x', '*').replace('/', '//')} {right}")
        assert step.right == (true == int(result))
        assert step.habit == (None if step.right else "slips")


APPLES = pocket.read(
    "Mia has 9 apples. Tom has 2 apples. Then the apples double. Mia buys 5 more. "
    "How many apples does Mia have?"
)


@pytest.mark.parametrize(
    ("solution", "right", "habits"),
    [
        ("9 x 2 = 18\n18 + 5 = 23\nAnswer: 23", [1, 1, 1], []),
        # Another's two apples counted, or two added for doubling: the same sum, told by the name.
        ("Tom has 2: 9 + 2 = 11.\n11 x 2 = 22\n22 + 5 = 27\nAnswer: 27", [0, 1, 1, 1], ["others"]),
        ("They double: 9 + 2 = 11.\n11 + 5 = 16.\nAnswer: 16", [0, 1, 1], ["twos"]),
        ("9 x 2 = 19\n19 + 5 = 24\nAnswer: 24", [0, 1, 1], ["slips"]),
        ("9 x 2 = 18\n18 + 5 = 23\nAnswer: 32", [1, 1, 0], ["slips"]),
        # Left out, out of thin air, and going on after the end: wrong, and no author's habit.
        ("9 + 5 = 14\nAnswer: 14", [0, 1], [None]),
        ("9 x 2 = 18\nAnswer: 18", [1, 0], [None]),
        ("9 x 3 = 27\n27 + 5 = 32\nAnswer: 32", [0, 1, 1], [None]),
        ("9 x 2 = 18\n18 + 5 = 23\n23 + 1 = 24\nAnswer: 24", [1, 1, 0, 1], [None]),
        ("Let me think.\n9 x 2 = 18\n\n18 + 5 = 23\nAnswer: 23", [1, 1, 1, 1], []),
        ("9 / 0 = 0", [0], [None]),
        ("", [], []),
    ],
)
def test_steps_are_judged_from_what_is_carried(
    solution: str, right: list[int], habits: list[str | None]
) -> None:
    assert APPLES is not None
    judgement = pocket.judge_steps(APPLES, solution)
    assert [step.right for step in judgement.steps] == [bool(each) for each in right]
    assert [step.habit for step in judgement.steps if not step.right] == habits


@given(st.text())
def test_any_text_can_be_judged(text: str) -> None:
    assert APPLES is not None
    assert pocket.judge_steps(APPLES, text).correct == (pocket.final_answer(text) == 23)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Answer: 42", True),
        ("6 x 7 = 42.\nAnswer: 42.", True),
        ("answer:42 ", True),
        ("Answer: 42\nAnswer: 42", True),
        ("Answer: 41", False),
        ("6 x 7 = 42.", False),
        ("", False),
        ("Answer:", False),
        ("Answer: 42\nAnswer: 41", False),
        ("Answer: 41 Answer: 42", False),
        ("Answer: 42 or 41", False),
        ("Answer: 42 or so\nAnswer: 42", False),
        ("Answer: 4 2", False),
        ("Answer: -42", False),
    ],
)
def test_check_wants_one_answer_that_is_the_reference(text: str, right: bool) -> None:
    assert pocket.check([{"role": "user", "content": "?"}], "42", text) is right


@pytest.mark.parametrize("reference", [None, "", "forty-two", "4.2"])
def test_check_needs_a_number_for_a_reference(reference: str | None) -> None:
    with pytest.raises(ValueError, match="reference"):
        pocket.check([], reference, "Answer: 42")


@given(seeds, misconceptions, st.data())
def test_the_check_tells_the_truth_of_steps_however_lines_are_joined_to_steps(
    seed: int, held: frozenset[pocket.Habit], data: st.DataObject
) -> None:
    asked = pocket.problem(seed, 0)
    text = pocket.write(asked, pocket.Author(held), random.Random(seed))
    messages = [{"role": "user", "content": pocket.render(asked)}]
    lines = text.splitlines(keepends=True)
    truth = [step.right for step in pocket.judge_steps(asked, text).steps]
    assert pocket.check.steps(messages, None, lines) == truth
    cuts = sorted(data.draw(st.sets(st.integers(1, len(lines) - 1))))
    begins, ends = [0, *cuts], [*cuts, len(lines)]
    joined = ["".join(lines[a:b]) for a, b in zip(begins, ends, strict=True)]
    wanted = [all(truth[a:b]) for a, b in zip(begins, ends, strict=True)]
    assert pocket.check.steps(messages, None, joined) == wanted


def test_a_step_in_which_no_line_ends_has_no_truth() -> None:
    asked = pocket.problem(1, 0)
    text = pocket.write(asked, pocket.Author(), random.Random(0))
    messages = [{"role": "user", "content": pocket.render(asked)}]
    half = len(text.splitlines()[0]) // 2
    assert pocket.check.steps(messages, None, [text[:half], text[half:]]) == [None, True]
    with pytest.raises(ValueError, match="no problem of the pocket world"):
        pocket.check.steps([{"role": "user", "content": "Hello"}], None, [text])
