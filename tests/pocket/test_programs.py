import pytest

import pocket
from pocket.programs import evaluate, expression, program, run


def test_a_program_and_an_expression_come_to_the_answer() -> None:
    for index in range(200):
        asked = pocket.problem(3, index)
        for size in (0, 1):
            held = frozenset(sorted(pocket.brought_out(asked))[:size])
            assert run(program(asked, held)) == pocket.answer(asked, held)
            assert evaluate(expression(asked, held)) == pocket.answer(asked, held)


@pytest.mark.parametrize(
    "text",
    ["", "a = 1", "print(b)", "import os", "a = open(1)\nprint(a)", "print(1)\nprint(2)", "a ="],
)
def test_what_is_no_program_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"program|readable|allowed"):
        run(text)


@pytest.mark.parametrize(
    "text", ["9 ** 9", "1 // 0", "a", "(" * 3000, "99999 * 99999", "1.5", "True"]
)
def test_what_is_no_sum_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        evaluate(text)
