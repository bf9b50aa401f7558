"""Finds the answer in a text.

The first of these rules that finds an answer is used:

1. the content of the last ``\\boxed{…}``; boxes next to each other, or joined by "and", "or" or a
   comma, are one answer with several parts;
2. the text after the last ``####``, unless it is a heading of words;
3. the last ``<answer>…</answer>``;
4. the text after the last "the answer is", "Answer:", "the result is" …, to the end of the
   sentence; in some other languages "Antwort:", "答案是" and the like;
5. the last expression of the text, or its last sentence. Text that starts with "Check:", "Note:" or
   "Alternatively" is used only if there is no other.

Questions do not count as answers. Thoughts (`engines.chat.thinking`) are not searched.
"""

import re
from collections.abc import Iterator

from engines.chat.thinking import split
from engines.checks.answers.expressions import expressions
from engines.checks.answers.spelling import OTHER_SCRIPT, without_text

_BOX = re.compile(r"\\(?:boxed|fbox)(?:\s*(?=\{)|\s+(?=\S))")
_BOXES = 20
# GSM8K's notes for a calculator: 48+24 = <<48+24=72>>72.
_CALCULATOR = re.compile(r"<<[^<>\n]*>>")
_JOINED = re.compile(
    r"[\s$.,;]*(?:\\text\s?\{[\s,]*)?(and|or|,)?[\s,}$]*(?:[a-zA-Z] ?= ?)?", re.IGNORECASE
)
_MARK = re.compile(r"#{4,}[ \t*]*+(\S[^\n]*|\n\s*\S[^\n]*)")
_ANSWERING = re.compile(r"[^a-zA-Z]*\d|[a-zA-Z] ?=|\\|\$")
_TAGGED = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL | re.IGNORECASE)
_SAYS = re.compile(
    r"\b(?:(?:final|correct|right|best)\s+(?:answer|choice|option|result)|answers?"
    r"|(?:the|so,?)\s+(?:result|solution|value|choice|option)s?|solutions?(?=\s*(?::|are\b)))\b"
    r"(?:\s+(?:to|of|for)\s[^.:\n=]{1,80}?|\s+choice|\s+option)?[*_`\s]*"
    r"(?:\b(?:is|are|was|would be|will be|must be|should be|equals)\b"
    r"(?:\s+(?:therefore|thus|then|simply|just|exactly|given by|indeed|also|that|option|choice|"
    r"the number))*|:|=)[*_`]*\s*:?[*_`]*"
    # The word for "answer" in other languages, as in MGSM.
    r"|\b(?:Antwort|Respuesta|Réponse|Risposta|Resposta|Ответ|Jibu)[*_]*\s*:[*_]*"
    r"|(?:答案|答え|정답|답)[*_]*\s*(?:是|为|為|は|은|:)[*_]*",
    re.IGNORECASE,
)
# The marks of Chinese, Japanese and Hindi, with a space where the others have one.
_MARKS = {
    **{ord(one): f"{mark} " for one, mark in zip("。．।，、：；！？", "...,,:;!?", strict=True)},
    **{ord("（"): "(", ord("）"): ")"},
}
_SENTENCE = re.compile(
    r"(?<=[^\s.])(?<!\b[ei]\.[ge])(?<!\b[ap]\.m)[.!?](?=[*\"')\]]*(?:\s+[^\sa-z]|\s*\n|\s*$))"
)
_LONGEST = 2000
_SEARCHED = 50_000
_ASIDE = re.compile(
    r"\s*(?:\*\*|\(|#+\s*)?(?:let(?:'|’)?s |let me |let us |now |we can |to |quick )?"
    r"(?:double[- ]?)?(?:check|verif\w+|note|nb|remark|alternativ\w+|proof|sanity|explanation)\b",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    r"\s*(?:so|thus|therefore|hence|final|answer|in conclusion)\b", re.IGNORECASE
)
_LEAD = re.compile(
    r"\A\s*(?:\**(?:step|part|case|question|problem) \d+\**[:.)]\**\s*)?"
    r"(?:(?:so|thus|therefore|hence|then|and|finally|this gives"
    r"|we (?:get|have|find|obtain)(?: that)?)\b[, ]*)*",
    re.IGNORECASE,
)
_REASON = re.compile(r"(?<=\w),?\s+(?:since|because)\b")
_BOUND = re.compile(r"\b(?:at least|at most)\b", re.IGNORECASE)
_NOT = re.compile(r"\s*(?:definitely |certainly )?not\b", re.IGNORECASE)
_OPTION = re.compile(
    r"\b(?:[Oo]ption|[Cc]hoice)\s+\*{0,2}\(?([A-J])\b(?!.*\b(?:or|and) \(?[A-J]\b)"
)
_DENIED_BEFORE = re.compile(
    r"(?:\b(?:not|cannot|never|neither|nor|except|instead|than|double|twice|half|triple|under|over"
    r"|almost|nearly|up|minus|negative)|n['’]t)\s+(?:(?:be|of|for|to)\s+)?[$\\(*]*$"
    r"|(?:不是|不为|并非|\bне|\bnicht|\bno es|\bnon è)\s*[$\\(*]*$",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"[^a-zA-Z]+(?:is|are|was|were)\s+(?:wrong|incorrect|false|not|too|impossible)\b"
)
# "10 more than 3", "10 percent of 50": the number after them was cut off.
_COMPARED = re.compile(r"(?<!rather)\s(?:than|of)$")
_LETTER = re.compile(
    r"[*_(\s]*([A-J])[)*_]*"
    rf"(?:$|[\s.,:;]+(?:because|since|as|which|with|for)\b|[,\s]*(?![和与與或及]){OTHER_SCRIPT})"
)
_GIVEN_UP = re.compile(
    r"\b(?:I|we)\b(?:['’]m| am| are)?(?: really| simply)? (?:cannot|can['’]?t|can not|could not"
    r"|couldn['’]t|do not|don['’]t|not able to|unable to)"
    r" (?:know|answer|solve|say|tell|help|determine|find|figure)\b(?!.*\d)",
    re.IGNORECASE,
)
_EMPHASIZED = re.compile(
    r"^(?!.*(?:\b(?:not|never|neither|cannot|or)\b|n['’]t\b)).*"
    r"\b(?:in|is|on|at|by|to|an?|the) \*\*([^*]+)\*\*[ .]*$"
)
_IS = re.compile(r"\b(?:is|are|was|were)\s+(?!not\b)([^.,;:]+)$")


def stated_answers(text: str, *, last: bool = True) -> list[str]:
    """The answer of a text, in one or more readings of the same place, the most likely first.

    Empty if there is none. Of a very long text only the end is searched. Without ``last``, only
    answers that are marked as such count (rules 1 to 4).
    """
    text = _CALCULATOR.sub("", split(text)[1][-_SEARCHED:]).translate(_MARKS)
    for rule in (_boxed, _marked, _tagged, _after_phrase, _last if last else None):
        if rule and (answers := [answer for answer in rule(text) if answer.strip()]):
            return answers
    return []


def _boxed(text: str) -> list[str]:
    boxes: list[tuple[int, int, str]] = []
    for match in list(_BOX.finditer(text))[-_BOXES:]:
        end = _closing(text, match.end())
        inside = text[match.end() : end].strip()
        if inside.startswith("{"):
            inside = inside.removeprefix("{").removesuffix("}").strip()
        nested = boxes and match.start() < boxes[-1][1]
        if inside.strip("{}. ") and not nested:
            boxes.append((match.start(), end, inside))
    if not boxes:
        return []
    answer = [boxes[-1][2]]
    for before, after in zip(reversed(boxes[:-1]), reversed(boxes), strict=False):
        between = text[before[1] : after[0]]
        joint = _JOINED.fullmatch(between)
        if joint is None or "\n\n" in between:
            break
        if before[2] != after[2]:
            answer[:0] = [
                before[2],
                f" {joint[1].lower()} " if joint[1] not in (None, ",") else ", ",
            ]
    whole = "".join(answer)
    return _after_phrase(without_text(whole)) or [whole]


def _closing(text: str, start: int) -> int:
    """The end of the box whose content begins at ``start``, or of its line if it is cut off."""
    line = text.find("\n", start)
    end_of_line = len(text) if line < 0 else line
    if text[start] != "{":
        match = re.compile(r"\S+?(?=[\s$.,]|$)").match(text, start)
        return match.end() if match else end_of_line
    depth = 0
    for brace in re.compile(r"(?<!\\)[{}]").finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.end()
    return end_of_line


def _marked(text: str) -> list[str]:
    marks = [mark.strip() for mark in _MARK.findall(text)]
    answering = [mark for mark in marks if _ANSWERING.match(mark)]
    if answering:
        return answering[-1:]
    return marks[-1:] if marks and text.rstrip().endswith(marks[-1]) else []


def _tagged(text: str) -> list[str]:
    tagged = _TAGGED.findall(text)
    return list(_spellings(tagged[-1].strip()[:_LONGEST])) if tagged else []


def _after_phrase(text: str) -> list[str]:
    for match in reversed(list(_SAYS.finditer(text))):
        tail = text[match.end() : match.end() + _LONGEST]
        if _NOT.match(tail):
            continue
        line = tail if tail.split("\n", 1)[0].strip(" *_`:") else tail.lstrip()
        if spellings := list(_spellings(_sentence(line))):
            return spellings
    return []


def _last(text: str) -> list[str]:
    lines = [line[-_LONGEST:] for line in text.split("\n") if line.strip(" *`$")]
    sentences = [one for line in lines for one in _sentences(line) if one.strip(" *_`$)")]
    kept, aside = [], False
    for sentence in sentences:
        aside = bool(_ASIDE.match(sentence)) or (aside and not _CONCLUSION.match(sentence))
        if not aside:
            kept.append(_REASON.split(_LEAD.sub("", sentence), maxsplit=1)[0])
    kept = kept or sentences
    if not kept:
        return []
    end = kept[-1]
    if _GIVEN_UP.search(end):
        return []
    candidates = [end, *_OPTION.findall(end)[-1:], *_IS.findall(end), *_EMPHASIZED.findall(end)]
    for sentence in reversed(kept):
        if formulas := list(expressions(sentence)):
            return [] if _denied(formulas[-1], sentence) else [*candidates, formulas[-1]]
    return candidates


def _spellings(sentence: str) -> Iterator[str]:
    """The readings of a sentence with an answer: the full sentence, its letter, and its expression
    (the one at its beginning, else the last)."""
    sentence = sentence.strip(" \n\t`").removesuffix("**").removeprefix("**")
    if not sentence.strip(" *_`.:"):
        return
    yield sentence
    if lettered := _LETTER.match(sentence):
        yield lettered[1]
    if formulas := list(expressions(sentence)):
        first = formulas[0][:3].lstrip("*$ ")
        begins = re.match(rf"[*_`$\\(\[ ]*{re.escape(first)}", sentence)
        stated = formulas[0] if begins else formulas[-1]
        if not _denied(stated, sentence) and not _BOUND.search(sentence):
            yield stated


def _denied(expression: str, sentence: str) -> bool:
    """Whether a sentence denies an expression, or says that the answer is more or less than it."""
    place = sentence.rfind(expression)
    return bool(
        _DENIED_BEFORE.search(sentence[:place])
        or _DENIED_AFTER.match(sentence, place)
        or _COMPARED.search(expression)
    )


def _sentence(text: str) -> str:
    """The first sentence, line or display of ``text``."""
    display = re.match(r"\s*(?:\$\$|\\\[)(.+?)(?:\$\$|\\\])", text, re.DOTALL)
    if display:
        return display[1]
    return _sentences(text.strip().split("\n", 1)[0])[0]


def _sentences(line: str) -> list[str]:
    """The sentences of a line, without questions."""
    parts, start = [], 0
    for end in _SENTENCE.finditer(line):
        if end[0] != "?":
            parts.append(line[start : end.start()])
        start = end.end()
    return [*parts, line[start:]]
