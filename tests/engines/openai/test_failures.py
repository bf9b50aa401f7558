"""What a server's error says, whatever form it comes in."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.openai.failures import refused

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "errors", "detail", "message", "code", "choices", "loc", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "too much", "code": 429}},
        {"error": {"message": "too much", "type": "rate_limit_error"}},
        {"object": "error", "message": "too much", "code": 429},
        {"error": "too much", "code": "429"},
        {"detail": "too much", "status": "RESOURCE_EXHAUSTED"},
        {"detail": [{"msg": "too much", "code": 429}]},
        {"errors": [{"message": "too much", "code": 429}]},
        [{"error": {"message": "too much", "code": 429}}],
        {"choices": [{"error": {"message": "too much", "code": 429}}]},
    ],
)
def test_an_error_in_a_body_has_words_and_a_status(body: Any) -> None:
    found = refused(200, json.dumps(body), {})
    assert (found.status, found.message) == (429, "too much")


def test_a_page_is_told_without_its_tags() -> None:
    page = "<html><style>p {}</style><title>502</title><p>Bad\n gateway</p></html>"
    assert refused(502, page, {}).message == "502 Bad gateway"


def test_a_status_of_http_counts_before_the_body() -> None:
    assert refused(500, json.dumps({"error": {"code": 429, "message": "?"}}), {}).status == 500
    spent = {"error": {"code": "insufficient_quota", "message": "?"}}
    assert refused(429, json.dumps(spent), {}).status == 402


def test_when_to_come_again_is_read_from_the_words_too() -> None:
    said = {"error": {"message": "Rate limit reached. Please try again in 1m0.5s."}}
    assert refused(429, json.dumps(said), {}).headers["retry-after"] == "1m0.5s"
    upstream = {"message": "?", "metadata": {"headers": {"X-RateLimit-Reset": 1}}}
    assert "x-ratelimit-reset" in refused(429, json.dumps({"error": upstream}), {}).headers


@given(JSON)
def test_no_body_is_too_odd(body: Any) -> None:
    assert isinstance(refused(200, json.dumps(body), {}).message, str)


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    assert refused(500, text, {}).status == 500
