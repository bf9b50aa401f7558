"""Right answers are right however they are written, wrong ones never, and nothing hangs."""

import json
import os
import re
from pathlib import Path

import pytest

from engines.checks import (
    CheckError,
    UnknownCheckError,
    Workers,
    bounded,
    check_for,
    gsm8k,
    load_check,
    math,
    shared_workers,
)
from engines.checks.gsm8k import by_mark
from engines.context import Context


@pytest.fixture(scope="module")
def sleepy(tmp_path_factory):
    """The import path of a check in somebody's own package: it hangs, dies, breaks or decides, as
    the text says."""
    folder = tmp_path_factory.mktemp("checks")
    (folder / "checks_of_a_user.py").write_text(
        "import os\n"
        "def sleepy(messages, reference, text):\n"
        "    while text == 'hang': pass\n"
        "    if text == 'die': os._exit(3)\n"
        "    if text == 'break': raise KeyError('broken')\n"
        "    if reference is None: raise ValueError('no reference')\n"
        "    print('whatever a check prints is in nobody\\'s way')\n"
        "    return text == reference\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield "checks_of_a_user.sleepy"


@pytest.fixture(scope="module")
def workers(sleepy):
    made = Workers(1, seconds=1.5)
    made.submit(sleepy, [], "a", "a").result()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "reference", "right"),
    [
        ("so 72\n#### 72", "72", True),
        ("#### 72 clips.", "48+24 = 72\n#### 72", True),
        ("#### $1,234.50", "1234.5", True),
        ("#### 1234", "1,234", True),
        ("#### -3", "-3", True),
        ("#### − 3", "-3", True),
        ("#### -$3", "-3", True),
        ("#### $-3", "-3", True),
        ("#### 3", "-3", False),
        ("#### Answer - 3", "3", True),
        ("#### x = -3", "-3", True),
        ("#### 50%", "50", True),
        ("#### .5", "0.50", True),
        ("#### 1/2 cup", "0.5", True),
        ("#### 0.1", "0.10000001", False),
        ("#### 72\n#### 72.0", "72", True),
        ("#### 71\n#### 72", "72", False),
        ("#### 72\nThat is the end.\n#### done", "72", True),
        ("it is 72\n####", "72", False),
        ("The answer is 72", "72", False),
        ("#### 12345678901234567890", "12345678901234567891", False),
    ],
)
def test_numbers_after_the_mark_are_read_inline(text, reference, right):
    assert by_mark([], reference, text) is right


def test_a_formula_after_the_mark_is_left_to_the_slow_check():
    assert by_mark([], "72", "#### 3 * 24") is None


@pytest.mark.parametrize("text", ["#### seventy-two", "#### " + "9" * 5000, "#### 7 2"])
def test_what_is_not_one_number_in_digits_is_wrong(text):
    assert by_mark([], "72", text) is False


@pytest.mark.parametrize(
    ("text", "reference", "right"),
    [
        ("#### 3 * 24 = 72", "72", True),
        ("#### **72**", "72", True),
        ("#### \\boxed{0.5}", "1/2", True),
        ("#### 3 * 24 = 73", "72", False),
    ],
)
def test_what_is_more_than_a_number_is_read_by_math_verify(text, reference, right):
    assert gsm8k([], reference, text) is right


@pytest.mark.parametrize(
    ("text", "reference", "right"),
    [
        ("\\boxed{\\frac{2}{4}}", "\\frac{1}{2}", True),
        ("The answer is $x(x+2)+1$", "$(x+1)^2$", True),
        ("therefore $\\boxed{3}$", "We add 1 and 1, so \\boxed{2}", False),
        ("I would rather not", "2", False),
    ],
)
def test_mathematics(text, reference, right):
    assert math([], reference, text) is right


def checked_answers():
    path = Path(__file__).with_name("checked_answers.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def verdict(case):
    """What the check of a case says, or "refused" where it cannot read the reference."""
    check = bounded(f"engines.checks.{case.get('check', 'math')}")
    try:
        return check(
            [{"role": "user", "content": case.get("prompt", "How much is it?")}],
            case["reference"],
            case["text"],
        )
    except ValueError:
        return "refused"


def test_answers_of_every_kind_are_right_or_wrong_as_people_hold_them():
    cases = checked_answers()
    assert [case for case in cases if verdict(case) != case["expected"]] == []
    assert len(cases) > 900


def test_what_a_check_cannot_read_it_says_when_the_source_is_read():
    for case in checked_answers():
        check = {"gsm8k": gsm8k}.get(case.get("check"), math)
        assert (check.readable(case["reference"]) is not None) == (case["expected"] == "refused")


@pytest.mark.parametrize("check", [gsm8k, math])
@pytest.mark.parametrize("reference", [None, "", "  "])
def test_a_missing_reference_is_said(check, reference):
    with pytest.raises(ValueError, match="no reference"):
        check([], reference, "#### 7")


@pytest.mark.parametrize("reference", ["none of it", "#### seven", "5 or 6"])
def test_a_reference_without_a_number_is_said(reference):
    with pytest.raises(ValueError, match="no number is found in the reference"):
        gsm8k([], reference, "#### 7")


def worked_answers():
    named = os.environ.get("FACTORY_GSM8K")
    beside = Path(__file__).parents[3] / "shared" / "data" / "gsm8k" / "train.jsonl"
    path = Path(named) if named else beside
    if not path.exists():
        pytest.skip("GSM8K is not here: set FACTORY_GSM8K to its train.jsonl")
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line)["answer"] for line in lines]


def test_every_worked_answer_of_gsm8k_is_right_and_none_with_another_number():
    answers = worked_answers()
    assert [a for a in answers if by_mark([], a, a) is not True] == []

    def changed(answer, change):
        head, number = answer.rsplit("####", 1)
        return f"{head}#### {re.sub('[0-9]', change, number.strip(), count=1)}"

    other_digit = [changed(a, lambda digit: str((int(digit[0]) + 1) % 10)) for a in answers]
    more_digits = [changed(a, lambda digit: "1" + digit[0]) for a in answers]
    for wrong in (other_digit, more_digits):
        # None would leave it to the slow check, which might yet call it right.
        for one, other in zip(answers, wrong, strict=True):
            assert by_mark([], one, other) is False
            assert by_mark([], other, one) is False


def test_a_check_that_hangs_is_killed_and_the_next_one_runs(workers, sleepy):
    asked = [workers.submit(sleepy, [], "a", text) for text in ("hang", "a", "hang", "b")]
    with pytest.raises(CheckError, match=r"took longer than 1\.5 s"):
        asked[0].result()
    assert asked[1].result() is True
    with pytest.raises(CheckError, match="took longer"):
        asked[2].result()
    assert asked[3].result() is False


def test_what_nobody_can_work_out_is_neither_right_nor_wrong(workers):
    for answer in ("9^{9^{9^{9}}}", "100000!", "10^{999999999}+1"):
        with pytest.raises(CheckError, match="too large"):
            workers.submit("engines.checks.math", [], "9", f"\\boxed{{{answer}}}").result()


def test_math_verify_hangs_on_what_a_model_may_write_and_is_killed(workers):
    hanging = "\\boxed{\\int_0^1 x^{x^{x}} dx}"
    with pytest.raises(CheckError, match="took longer"):
        workers.submit("engines.checks.math", [], "9", hanging, seconds=0.3).result()


def test_a_check_that_crashes_or_breaks_is_an_error_and_the_next_one_runs(workers, sleepy):
    with pytest.raises(CheckError, match="exit code 3"):
        workers.submit(sleepy, [], "a", "die").result()
    with pytest.raises(CheckError, match="KeyError"):
        workers.submit(sleepy, [], "a", "break").result()
    with pytest.raises(ValueError, match="no reference"):
        workers.submit(sleepy, [], None, "a").result()
    assert workers.submit(sleepy, [], "a", "a").result() is True


def test_closing_does_not_wait_for_what_hangs(sleepy):
    workers = Workers(1, seconds=600)
    workers.submit(sleepy, [], "a", "a").result()
    hanging = workers.submit(sleepy, [], "a", "hang")
    workers.close()
    assert hanging.cancelled() or isinstance(hanging.exception(), CheckError)


def test_workers_are_shared():
    assert shared_workers() is shared_workers()
    path = "engines.checks.math"
    assert shared_workers().submit(path, [], "\\frac{1}{2}", "it is $0.5$").result() is True


@pytest.mark.parametrize("path", ["nowhere.check", "engines.checks.nothing", "word", "os.sep"])
def test_an_unknown_check_is_refused_with_its_name(path):
    with pytest.raises(UnknownCheckError, match=path):
        load_check(path)


def context_with(checks):
    return Context(
        recipe="r", stage="s", refresh="1", roles={}, journal=Path(), models=Path(), checks=checks
    )


def test_a_source_is_checked_by_what_it_is_configured_with():
    context = context_with({"gsm8k": "engines.checks.gsm8k"})
    assert check_for(context, "gsm8k").path == "engines.checks.gsm8k"
    assert check_for(context, "anything else").path == "engines.checks.math"
    assert check_for(context, "gsm8k", path="engines.checks.math").path == "engines.checks.math"
    with pytest.raises(UnknownCheckError, match=r"nowhere\.check"):
        check_for(context_with({"gsm8k": "nowhere.check"}), "gsm8k")


def test_a_check_is_called_like_a_function_wherever_it_runs(sleepy):
    inline = bounded(sleepy)
    assert inline.workers is None
    assert inline([], "a", "a") is True
    with pytest.raises(ValueError, match="no reference"):
        inline([], None, "a")
    with pytest.raises(CheckError, match="KeyError"):
        inline([], "a", "break")
    slow = bounded("engines.checks.gsm8k")
    assert [slow([], "72", text) for text in ("#### 72", "#### 3 * 24 = 72")] == [True, True]
    with pytest.raises(ValueError, match="no number"):
        slow([], "some", "#### 72")
