"""The numbers and formulas among the words of a sentence."""

import re
from collections.abc import Iterator

from engines.checks.answers.numbers import HAN_SCALE
from engines.checks.answers.spelling import OTHER_SCRIPT

# As in Pandoc's Markdown: no space inside the dollars, no digit after them ("$2 and $3" is money).
_MATHS = re.compile(
    r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)"
    r"|(?<![\\$])\$(?![\s$])((?:[^$\n\\]|\\.)+?)(?<!\s)\$(?!\d)",
    re.DOTALL,
)
_TEXT = re.compile(r"\\text\s?\{[^{}]*\}")
_PROSE = re.compile(r"[a-z]{2,}\s+[a-z]{2,}", re.IGNORECASE)
_JOINT = re.compile(r"\s*(?:,|,?\s*\b(?:and|or)\b)\s*")
# Words, save "and" and "or" between two numbers or equations, and 万 (ten thousand) after a digit.
_WORDS = re.compile(
    r"(?<![\\a-zA-Z])(?!(?<=[\d)}$] )(?:and|or) [-+$\\(]*(?:\d|[a-z] ?=))"
    r"(?!(?:sin|cos|tan|log|ln|exp|sqrt|pi)\b)"
    r"[a-zA-Z](?:['’-]?[a-zA-Z])++['’]?(?!\()|\bI\b|(?<=\s)a(?=\s+[a-z]{2})"
    rf"|(?!(?<=\d){HAN_SCALE}){OTHER_SCRIPT}+",
)
_UNITS = re.compile(r"\s*((?:[a-zA-Z°%]++(?:[\^/][a-zA-Z0-9^]++)*[ ]?){1,6})")
_MARKUP = re.compile(r"[*_`]{2,}|(?<!\w)[*_`](?=\S)|(?<=\S)[*_`](?!\w)")


def expressions(sentence: str) -> Iterator[str]:
    """The expressions of a sentence, in order: what stands between dollars, and the numbers and
    formulas among its words, with the words after them that may be their unit. Those that "or",
    "and" or a comma joins are one."""
    place, joined = 0, ""
    for match in _MATHS.finditer(sentence):
        inside = next(group for group in match.groups() if group is not None)
        if _PROSE.search(_TEXT.sub("", inside)):
            continue
        between = sentence[place : match.start()]
        if joined and not _JOINT.fullmatch(between):
            yield joined
            joined = ""
        if not joined:
            yield from _among_words(between)
        joined += (between if joined else "") + inside
        place = match.end()
    rest = sentence[place:]
    if joined:
        unit = re.match(r"\s*(?:\\?%|[a-zA-Z]+(?:\^?\d)?)", rest)
        number = re.fullmatch(r"[-+]?[\d.,\s]*\d", joined)
        yield f"{joined} {unit[0]}" if unit and number else joined
    yield from _among_words(rest)


def _among_words(text: str) -> Iterator[str]:
    """What stands between words, if it holds a digit or relates two things."""
    text = _MARKUP.sub("", text)
    place = 0
    for start, end in [*(gap.span() for gap in _WORDS.finditer(text)), (len(text), len(text))]:
        run = text[place:start].strip().strip(",;:!?").strip()
        ended = re.search(r"[,;:]\s*$", text[max(0, start - 3) : start])
        place = end
        if re.search(r"\d|[a-zA-Z]\s*[=<>]\s*\S", run):
            run = re.sub(r"^[)\]}]+|[(\[{]+$", "", run).strip()
            run, *explained = re.split(r"(?<=\S):\s", run, maxsplit=1)
            unit = None if explained or ended else _UNITS.match(text, start)
            yield f"{run} {unit[1].strip()}" if unit and run[-1:] in ")%0123456789" else run
