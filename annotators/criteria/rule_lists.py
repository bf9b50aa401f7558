"""Reads the rules that a model lists."""

import json
import re
from collections.abc import Sequence

_MARKER = re.compile(r"\s*(?:(?:[-*+•–](?=\s)|\(?\d{1,3}[.):](?=\s))\s*)+")
"""A bullet or a number before a rule."""
_SOURCES = re.compile(r"\s*[\[(](?P<numbers>[^\[\]()]*\d[^\[\]()]*)[\])]\s*\.?\s*\Z")
"""The numbers after a merged rule: "[2, 5]"."""
_NONE = re.compile(r"(?:none|no rules?)\b[^\w]*\Z", re.I)


def listed_rules(text: str) -> list[str]:
    """The rules that ``text`` lists, one a line, or as a JSON list of texts.

    If lines have a bullet or a number, only these count. Emphasis and quotation marks around a rule
    are left out, and so are lines that announce a list ("Rules:") or say that there is none.
    """
    if (rules := _json(text)) is not None:
        lines = rules
    else:
        lines = text.splitlines()
        marked = [line for line in lines if _MARKER.match(line)]
        lines = [_MARKER.sub("", line, count=1) for line in marked or lines]
    bare = (line.replace("**", "").strip(" \t\"'`“”*_") for line in lines)
    return [
        rule
        for rule in bare
        if any(map(str.isalpha, rule)) and not rule.endswith(":") and not _NONE.match(rule)
    ]


def merged_rules(text: str, candidates: Sequence[str]) -> list[tuple[str, list[int]]]:
    """The rules that ``text`` lists, each with the places in ``candidates`` of those that it was
    made from: the numbers after it, which count from 1, or the candidates that say the same.

    A rule that names no candidate is left out.
    """
    merged = []
    places = {key(rule): place for place, rule in enumerate(candidates)}
    for line in listed_rules(text):
        sources = _SOURCES.search(line)
        rule = line[: sources.start()].rstrip() if sources else line
        numbers = map(int, re.findall(r"\d+", sources["numbers"])) if sources else ()
        candidate_places = [number - 1 for number in numbers if 1 <= number <= len(candidates)]
        if not candidate_places and key(rule) in places:
            candidate_places = [places[key(rule)]]
        if rule and candidate_places:
            merged.append((rule, sorted({*candidate_places})))
    return merged


def key(rule: str) -> str:
    """The words of a rule: two rules with the same are one."""
    return " ".join(re.findall(r"\w+", rule.casefold()))


def _json(text: str) -> list[str] | None:
    start, end = text.find("["), text.rfind("]")
    if not text.strip().startswith(("[", "```")) or start < 0:
        return None
    try:
        items = json.loads(text[start : end + 1])
    except ValueError:
        return None
    return items if all(isinstance(one, str) for one in items) else None
