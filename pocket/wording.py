"""How a problem is worded and read back: a closed grammar, so truth is computable from text."""

import re
from functools import cache

from .world import BAGS, KINDS, NAMES, THINGS, Event, Kind, Problem

FORMS: dict[Kind, tuple[str, ...]] = {
    "has": ("{owner} has {n} {thing}.", "{owner} starts with {n} {thing}."),
    "packs": (
        "{owner} has {n} {bag} of {each} {thing}.",
        "{owner} starts with {n} {bag} with {each} {thing} in each.",
    ),
    "gains": (
        "{owner} buys {n} more.",
        "{owner} finds {n} more {thing}.",
        "Then {owner} gets {n} {thing}.",
    ),
    "loses": (
        "{owner} gives away {n} {thing}.",
        "{owner} loses {n} of them.",
        "Then {owner} sells {n} {thing}.",
    ),
    "doubles": (
        "Then the {thing} double.",
        "{owner} doubles the number of {thing}.",
        "Now {owner} has twice as many.",
    ),
    "halves": (
        "{owner} gives half of the {thing} away.",
        "{owner} loses half of them.",
        "Then {owner} sells half of the {thing}.",
    ),
    "bags": (
        "{owner} buys {n} {bag} of {each} {thing}.",
        "Then {owner} gets {n} {bag} with {each} {thing} in each.",
    ),
    "other": (
        "{who} has {n} {thing}.",
        "{who} buys {n} {thing}.",
        "{who} keeps {n} {thing} at home.",
    ),
}
QUESTIONS = (
    "How many {thing} does {owner} have?",
    "How many {thing} does {owner} have now?",
    "How many {thing} does {owner} have in the end?",
)


def render(problem: Problem) -> str:
    """The text of a problem: one sentence an event, then the question, on one line."""
    sentences = [
        FORMS[event.kind][event.form].format(
            owner=problem.owner,
            thing=problem.thing,
            bag=problem.bag,
            n=event.n,
            each=event.each,
            who=event.who,
        )
        for event in problem.events
    ]
    question = QUESTIONS[problem.form].format(owner=problem.owner, thing=problem.thing)
    return " ".join([*sentences, question])


def read(text: str) -> Problem | None:
    """The problem that `text` words, so that `read(render(p)) == p`; None where it words none."""
    *sentences, question_text = re.split(r"(?<=[.?]) ", text.strip())
    question = _match(_question_patterns(), question_text)
    if question is None or not sentences:
        return None
    form, words = question
    owner, thing = words["owner"], words["thing"]
    bags: set[str] = set()
    events: list[Event] = []
    for place, sentence in enumerate(sentences):
        event = _read_event(sentence, owner, thing, bags)
        if event is None or (event.kind in ("has", "packs")) != (place == 0):
            return None
        events.append(event)
    if len(bags) > 1:
        return None
    return Problem(owner, thing, tuple(events), next(iter(bags), ""), form)


def _read_event(sentence: str, owner: str, thing: str, bags: set[str]) -> Event | None:
    for kind in KINDS:
        matched = _match(_patterns(kind), sentence)
        if matched is None:
            continue
        form, words = matched
        if words.get("owner", owner) != owner or words.get("thing", thing) != thing:
            continue
        if words.get("who") == owner:
            continue
        if "bag" in words:
            bags.add(words["bag"])
        n, each = int(words.get("n", 0)), int(words.get("each", 0))
        return Event(kind, n, each, words.get("who", ""), form)
    return None


def _match(patterns: tuple[re.Pattern[str], ...], text: str) -> tuple[int, dict[str, str]] | None:
    for form, pattern in enumerate(patterns):
        match = pattern.fullmatch(text)
        if match is not None:
            return form, match.groupdict()
    return None


@cache
def _patterns(kind: Kind) -> tuple[re.Pattern[str], ...]:
    return tuple(_pattern(form) for form in FORMS[kind])


@cache
def _question_patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(_pattern(form) for form in QUESTIONS)


def _pattern(form: str) -> re.Pattern[str]:
    words = {"owner": NAMES, "who": NAMES, "thing": THINGS, "bag": BAGS}
    pattern = re.escape(form).replace(r"\{", "{").replace(r"\}", "}")
    for slot, choices in words.items():
        pattern = pattern.replace(f"{{{slot}}}", f"(?P<{slot}>{'|'.join(choices)})")
    for slot in ("n", "each"):
        # No leading zero: a number has one wording.
        pattern = pattern.replace(f"{{{slot}}}", f"(?P<{slot}>[1-9][0-9]?)")
    return re.compile(pattern)
