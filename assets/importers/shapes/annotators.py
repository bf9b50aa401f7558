"""Two answers to a prompt, and which one each of several people prefers. They stay apart: each is
the ``annotator`` of a pair."""

from functools import partial
from typing import Any

from assets.importers.shapes.compared import BOTH, STRONGEST, answer_of
from assets.importers.shapes.rated import turns
from assets.importers.shapes.reading import attempted, listing, mapping, number, prompt_messages
from assets.importers.shapes.sample import Preference, Row, Sample, Shape, ShapeError

UNUSABLE = -100
"""The strength of who finds neither response usable (HelpSteer2-Preference)."""


def each_annotator(row: Row) -> Sample:
    """A preference for each entry of ``individual``, by its ``score`` or ``strength`` from −3 to 3:
    below 0 the first response is preferred, above 0 the second, and the margin is the absolute
    value.

    An annotator is called by his place in the row, ``annotator-1`` and so on. The datasets do not
    say who is who, so one name is not one person.
    """
    prompt = row.get("prompt")
    asked = turns(prompt) if isinstance(prompt, str) else prompt_messages(row)
    opinions = (
        attempted(partial(_opinion, one, place), f"entry {place} of 'individual'")
        for place, one in enumerate(listing(row, "individual"), start=1)
    )
    solutions = (attempted(partial(answer_of, row, name), repr(name)) for name in BOTH)
    return Sample(asked, tuple(solutions), opinions=tuple(opinions))


def _opinion(given: Any, place: int) -> Preference:
    where = f"entry {place} of 'individual'"
    entry = mapping(given, where)
    key = "score" if "score" in entry else "strength"
    strength = number(entry.get(key), f"{key!r} of {where}")
    if strength == UNUSABLE:
        raise ShapeError(f"{where} finds neither response usable")
    if abs(strength) > STRONGEST:
        raise ShapeError(f"{key!r} of {where} must be from −3 to 3, not {strength:g}")
    annotator = f"annotator-{place}"
    if strength == 0:
        return Preference(None, annotator=annotator)
    return Preference(int(strength > 0), margin=abs(strength), annotator=annotator)


FOUND = (
    Shape(
        ("helpsteer3-annotators", "helpsteer2-preference-annotators"),
        "two responses and how strongly each annotator prefers one, −3 to 3, as pairs of their own",
        {
            "prompt": ("context", "prompt"),
            "response_1": ("response1", "response_1"),
            "response_2": ("response2", "response_2"),
            "individual": ("individual_preference", "all_preferences_unprocessed"),
        },
        each_annotator,
    ),
)
