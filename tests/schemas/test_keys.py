"""Keys and passwords are told by their form, and what looks only a little like one stays."""

import pytest

from schemas.keys import holds_key, without_keys

KEYS = [
    "sk-proj-0123456789abcdefABCDEF",
    "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567",
    "ghp_0123456789abcdefABCDEF0123456789abcd",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "xoxb-1234567890-abcdefghijkl",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x_y",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("around", ["{}", "Bearer {}", "https://host/{}/x", "'{}' is no name"])
def test_a_key_is_found_and_left_out(key: str, around: str) -> None:
    assert holds_key(around.format(key))
    assert without_keys(around.format(key)) == around.format("…")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:hunter2@host/v1", "https://…@host/v1"),
        ("https://hunter2@host/v1", "https://…@host/v1"),
        ("s3://me:hunter2@bucket/x", "s3://…@bucket/x"),
        ("https://host/v1?a=b&api_key=hunter2", "https://host/v1?a=b&api_key=…"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert holds_key(address)
    assert without_keys(f"{address} is down") == f"{shown} is down"


@pytest.mark.parametrize(
    "text",
    [
        "Qwen/Qwen3-4B-Instruct-2507",
        "https://medium.com/@somebody/a-post",
        "hf://datasets/a/b@main",
        "git@github.com:a/b.git",
        "task-0123456789abcdefghijk",
        "sk-learn-like-estimators-here",
        "ask: what is 12:30 @ noon?",
        "it gains 3 points, see https://arxiv.org/abs/2401.01335v3",
        "a/b" * 1000,
    ],
)
def test_other_text_stays(text: str) -> None:
    assert not holds_key(text)
    assert without_keys(text) == text
