"""``factory check`` and ``factory read``: lines in, each with what was made of it out."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from assets.cli import app


def factory(*arguments: str, lines: list[Any] | str) -> Result:
    given = lines if isinstance(lines, str) else "".join(json.dumps(one) + "\n" for one in lines)
    return CliRunner().invoke(app, list(arguments), input=given)


def made(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_check_says_of_each_line_whether_it_is_right() -> None:
    lines = [
        {"id": 7, "reference": "18", "text": "So 3 * 6 = 18\n#### 18"},
        {"reference": "18", "text": "#### 19"},
        {"reference": "none at all", "text": "#### 19"},
    ]
    right, wrong, refused = made(factory("check", "--with", "engines.checks.gsm8k", lines=lines))
    assert right == {**lines[0], "right": True}
    assert wrong == {**lines[1], "right": False}
    assert refused["right"] is None
    assert "none at all" in refused["error"]


def test_a_number_is_checked_as_it_is_written() -> None:
    line = '{"reference": 1234567890123456789012, "text": "#### 1234567890123456789012"}'
    (found,) = made(factory("check", "--with", "engines.checks.gsm8k", lines=line))
    assert found["right"] is True


@pytest.mark.parametrize(
    ("arguments", "text", "value"),
    [
        (["grade"], "Score: 4", 4),
        (["grade", "--scale", "0-10"], "Rating: 10", 10),
        (["choice"], "Verdict: B", 0),
        (["ranking", "--count", "3"], "B > A > C", [1, 0, 2]),
    ],
)
def test_a_verdict_is_read(arguments: list[str], text: str, value: Any) -> None:
    found, unread = made(factory("read", *arguments, lines=[{"text": text}, {"text": "\x1b[2J"}]))
    assert found == {"text": text, "value": value}
    assert unread["value"] is None
    assert unread["error"]


def test_a_text_cannot_steer_the_terminal() -> None:
    result = factory("read", "choice", lines=[{"text": "\x1b[2J\x9b2J\u202e"}])
    assert result.stdout.isascii()
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "lines", "told"),
    [
        (["read", "choice"], '{"text": "A"}\n{"text": 4', "line 2"),
        (["read", "choice"], "[" * 100_000, "line 1"),
        (["read", "choice"], "[4]", "line 1"),
        (["read", "choice"], '{"txt": "A"}', "'text'"),
        (["check", "--with", "engines.checks.gsm8k"], '{"text": "A"}', "'reference'"),
        (["check", "--with", "engines.checks.nothing"], "", "engines.checks.nothing"),
        (["read", "grade", "--scale", "5"], "", "--scale"),
        (["read", "ranking"], "", "--count"),
    ],
)
def test_what_cannot_be_read_is_told(arguments: list[str], lines: str, told: str) -> None:
    result = factory(*arguments, lines=lines)
    assert result.exit_code == 1
    assert told in result.stderr
