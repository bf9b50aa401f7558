"""Finds keys and passwords in texts by their form."""

import re

_KEY = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"(?:sk|pk|rk|gsk|glpat|nvapi|xai|xox[abeoprs])-(?=[\w-]*\d)[\w-]{16,}"
    r"|(?:hf|gh[oprsu]|github_pat|npm|pypi|r8)_(?=\w*[A-Z0-9])\w{16,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r")(?![A-Za-z0-9_-])",
    re.ASCII,
)
"""Keys of OpenAI, Anthropic, Hugging Face, GitHub, Slack, AWS, Google and others, and JSON web
tokens."""

_IN_ADDRESS = re.compile(
    r"(?<=://)(?!USER:PASSWORD@)(?:[^/\s?#@]*:[^/\s?#]*|(?:(?<=http://)|(?<=https://))[^/\s?#]+)@"
)
"""A user or a password before a host, except the placeholder of our own messages."""
_IN_QUERY = re.compile(
    r"(?<=[?&])((?:api[_-]?)?key|(?:access[_-]?)?token|secret|password|sig(?:nature)?)=[^&#\s]+",
    re.IGNORECASE,
)


def holds_key(text: str) -> bool:
    """Whether ``text`` has a key, or an address with a user, a password or a key."""
    return any(form.search(text) for form in (_KEY, _IN_ADDRESS, _IN_QUERY))


def without_keys(text: str) -> str:
    """``text`` with ``…`` in place of keys and passwords."""
    return _IN_QUERY.sub(r"\1=…", _IN_ADDRESS.sub("…@", _KEY.sub("…", text)))
