"""Reads which of two responses a judge's text calls better."""

import re

from annotators.judge.parsing.comparisons import NOUN, in_symbols
from annotators.judge.parsing.markup import answered, plain
from annotators.judge.parsing.statements import (
    CLAUSE,
    SEPARATOR,
    UnparseableVerdict,
    lines,
    shortened,
    statements,
    supposed,
)

FIRST, SECOND, TIE = "A", "B", "C"
"""The answers to "which is better": the one shown first, the one shown second, neither."""
CREDIT = {FIRST: 1.0, SECOND: 0.0, TIE: 0.5}
"""The value of each answer for the response shown first."""

_LABEL = re.compile(
    rf"""
    {CLAUSE}
    (?:(?:so|thus|therefore|hence|and|but|in[ ]conclusion|overall|finally|the|my|our|its|this
        |which|who|i[ ]would[ ]say|clear|of[ ]the[ ]two|{NOUN}|is|are|has|then|final|ultimate)
        [ ,]+){{0,8}}
    (?:(?P<firm>verdict|winner|winning|better|best|preferred|preference|decision|judge?ment|choice
        |conclusion|chosen|selected|selection|pick|vote|result|outcome|final)|answer)
    (?:[ ](?:{NOUN}|one|is[ ]better|verdict|decision|judge?ment|choice|winner|overall)){{0,4}}
    (?:[ \t]*\([^()\n]{{0,40}}\))?
    (?:{SEPARATOR}|[ ]+(?=[\[ABC≡]+\b[^\n]?$))
    """,
    re.I | re.X | re.M,
)
_FAVOURS = re.compile(r"better|best|winn|prefer|chosen|choice|select|pick|vote", re.I)
_MENTIONS = re.compile(r"\b[ABC]\b|≡")
_LEAD = re.compile(
    r"(?:(?:so|thus|therefore|hence|overall|finally|clearly|definitely|certainly|slightly|narrowly"
    r"|marginally|yes|no(?=,)"
    r"|in (?:conclusion|summary|my opinion)|after [^.,\n]{0,80})[ ,:]+){0,4}"
    r"(?:(?:since|because|as|given|although|though|while) [^.\n]{0,200}, (?=i\b))?"
    r"(?:i(?:['’]d|['’]ll| would| will)? (?:choose|pick|prefer|select|go with|vote for|say"
    r"|call (?:it|this)|think|believe|conclude) (?:that )?)?",
    re.I,
)
_VERDICT = re.compile(
    r"[\[(\"'“]{0,3}(?:(?P<one>[AB])(?: ✓| (?P<relation>[<>=]) (?P<two>[AB]))?|(?P<tie>[C≡]))(?!\w)"
    r"[\])\"'”]*"
)
_LOWER = re.compile(r"\W*[ab]\W*")
_ALIKE = re.compile(
    rf"(?:both|they)(?: {NOUN})? are(?: both)?(?: \w+ly)?"
    r" (?:good|fine|great|excellent|right|correct|bad|poor|wrong|incorrect)\W*",
    re.I,
)
"""A text that only says the same about both."""
_UNDECIDED = re.compile(
    rf"(?:(?:so|thus|overall|therefore|in the end|i (?:think|believe|conclude)(?: that)?)[ ,]+)*"
    rf"(?:neither(?: {NOUN}| a nor b)? is (?:\w+ly )?(?:better|superior)(?: than the other)?"
    rf"|(?:it|this)(?: is|['’]s) a (?:tie|draw)|there is no (?:clear )?winner"
    rf"|(?:both|they|both {NOUN}|a and b) are (?:tied|equally (?:good|bad)))\W*",
    re.I,
)
"""A sentence that calls neither better."""
_END = r"[\s.,;!…)}\]\"'”’*|]*\Z"
_WHY = re.compile(
    rf"{_END}|[.,;!(|]|:[ \n]*\w|:[ ]*\[\[|[ ]+[-–—(\[]|[ ]+(?:because|since|due to|given|as)\b"
)
"""What may follow a verdict."""
_NOTHING = re.compile(_END)
_HEDGED = re.compile(
    r".*\b(?:or|maybe|perhaps|possibly|could|might|may|alternatively|almost|nearly)\b"
    r".*(?:\b(?-i:[ABC])\b|≡)"
    r"|.*\b(?:edge|leaning|on second thought|actually|wait|correction)\b",
    re.I | re.S,
)
_NO_TIE = re.compile(
    r".*\b(?:or|but|slight\w*|lean\w*|prefer\w*|however|though|except)\b", re.I | re.S
)
_OPTION = re.compile(r"[\W_]*(?:(?:or|and|maybe|perhaps|possibly|then)\b\W*)*", re.I)
_LISTED = re.compile(r"(?:[^\w<>=≡]*\b[ABC]\b)+[^\w<>=≡]*\Z")
"""Options after a choice, of which it is only the first ("A, B, C")."""
_WINS = re.compile(r"\b([AB]) (?:(?P<good>✓|is (?:correct|right)\b)|[<>=] [AB]\b)")
_ITEM = re.compile(r"(?:\A|[.;,|\n])[ ]*([AB])[):](?!\w)")
_HEADING = re.compile(rf"(?:the )?{NOUN} ?\(?[ab]\b\W{{0,3}}:", re.I)
"""The heading of one response, which is not a choice."""
_SENTENCE = re.compile(r"(?<=[^\d\s][.!;])\s+|\n+")
_MARKED = re.compile(r"\[\[([^\[\]\n]{1,40})\]\]")


def read_choice(text: str, pattern: str | None = None) -> float:
    """The value of ``text`` for the response shown first: 1 for "A", 0 for "B", 0.5 for "C" or a
    tie.

    A choice follows a label ("Verdict:", "The better answer is", a heading), or is in ``[[A]]`` at
    the end, or is the first line or the last sentence. It is a letter, a relation ("A > B", "B is
    better than A"), or a tie. ``pattern`` replaces these rules: a regular expression whose one
    group is the letter.

    Raises:
        UnparseableVerdict: there is no choice, or there are two different ones.
    """
    if pattern is not None:
        credits = {_credit(one) for one in re.findall(pattern, answered(text))}
    else:
        credits = _choices(plain(text))
    if not credits:
        raise UnparseableVerdict(f"no choice in {shortened(text)}")
    if len(credits) > 1:
        raise UnparseableVerdict(f"different choices in {shortened(text)}")
    return credits.pop()


def _credit(text: str) -> float:
    choice = TIE if text.lower() == "tie" else text.upper()
    if choice not in CREDIT:
        raise UnparseableVerdict(f"choice {shortened(text)} is none of {', '.join(CREDIT)}")
    return CREDIT[choice]


def _choices(plain_words: str) -> set[float]:
    """All choices in a text, by the most reliable rule that finds any."""
    if _ALIKE.fullmatch(plain_words):
        return {CREDIT[TIE]}
    words = in_symbols(plain_words)
    verdicts: set[float] = set()
    answers: set[float] = set()
    doubts: set[float] = set()
    readable = True
    for one in statements(words, _LABEL):
        if one.supposed:
            continue
        stated = one.text.upper() if _LOWER.fullmatch(one.text) else one.text
        credit = _decided(stated, favours=_FAVOURS.search(one.label[0]) is not None)
        if credit is not None:
            (doubts if one.quoted else verdicts if one.label["firm"] else answers).add(credit)
        # The last statement must be clear.
        readable = credit is not None or (readable and not _MENTIONS.search(one.text))
    if not readable:
        return set()
    if any(map(_UNDECIDED.fullmatch, _SENTENCE.split(plain_words))):
        doubts.add(CREDIT[TIE])
    if verdicts:
        return verdicts | answers | doubts | _own_lines(words)
    credits = answers | _own_lines(words) if answers else _in_sentences(plain_words)
    return credits | doubts | _won(words) if credits else credits


def _own_lines(words: str) -> set[float]:
    """The choices that are the whole of the first or the last line."""
    all_lines = lines(words)
    credits = {_first(words, alone=True), *(_decided(line, alone=True) for line in all_lines[-1:])}
    return {credit for credit in credits if credit is not None}


def _first(words: str, *, alone: bool = False) -> float | None:
    """The choice in the first line; None if it is the heading of one response and the other
    response has a heading too."""
    all_lines = lines(words)
    credit = _decided(all_lines[0], alone=alone) if all_lines else None
    headings = {_decided(line.rstrip(":"), alone=True) for line in all_lines[1:-1]}
    return credit if headings <= {None, credit} and not _is_list(words) else None


def _is_list(words: str) -> bool:
    """Whether each response has a list item ("A: good, B: bad")."""
    return len(set(_ITEM.findall(words))) > 1


def _in_sentences(plain_words: str) -> set[float]:
    """The choices in the first line, in the last sentence, and in double brackets at the end."""
    sentences = [part.strip() for part in _SENTENCE.split(plain_words) if part.strip(" |-")]
    if not sentences:
        return set()
    words, ending = in_symbols(plain_words), in_symbols(sentences[-1])
    first, last = _first(words), _decided(ending)
    if first is None and sentences[0] != lines(plain_words)[0].strip():
        # An option that is a sentence of its own, before others: "B. A is better."
        first = _decided(in_symbols(sentences[0]), alone=True)
    if _HEADING.match(sentences[0]):
        first = None
    if _HEADING.match(sentences[-1]) or (_is_list(words) and _ITEM.match(ending)):
        last = None
    if last is not None:
        marked = " ".join(sentences[:-1])
    else:
        marked = plain_words if sentences[-1].rstrip(".! ").endswith("]]") else ""
    marks = list(_MARKED.finditer(marked))
    if any(supposed(marked, mark.start()) for mark in marks):
        return set()
    credits = {first, last, *(_decided(in_symbols(mark[1])) for mark in marks)}
    return {credit for credit in credits if credit is not None}


def _decided(words: str, *, favours: bool = False, alone: bool = False) -> float | None:
    """The choice at the beginning of ``words``, if it is clear.

    Args:
        words: the text after a label, a line, or a sentence.
        favours: the text follows a label that asks for the better response, so it cannot name
            the worse one.
        alone: nothing may follow the choice.
    """
    lead = _LEAD.match(words)
    start = lead.end() if lead else 0
    match = _VERDICT.match(words, start)
    if match is None or supposed(words, start) or _is_list(words):
        return None
    one, relation, two = match["one"], match["relation"], match["two"]
    rest = words[match.end() :]
    unclear = (one and one == two) or (relation == "<" and favours)
    if unclear or not (_NOTHING if alone else _WHY).match(rest):
        return None
    best = TIE if match["tie"] or relation == "=" else two if relation == "<" else one
    credit = CREDIT[best]
    return credit if alone or _stands(rest, credit) else None


def _stands(rest: str, credit: float) -> bool:
    """Whether the text after a choice leaves the choice unchanged."""
    option = _OPTION.match(rest)
    other = _decided(rest[option.end() if option else 0 :], alone=True)
    listed = {CREDIT[letter] for letter in re.findall("[ABC]", rest) if _LISTED.match(rest)}
    hedged = _HEDGED.match(rest) or (credit == CREDIT[TIE] and _NO_TIE.match(rest))
    return not hedged and ({other} - {None} | listed | _won(rest)) <= {credit}


def _won(words: str) -> set[float]:
    """The choices in sentences that name the winner, anywhere in the text."""
    return {
        credit
        for match in _WINS.finditer(words)
        for credit in [CREDIT[match[1]] if match["good"] else _decided(match[0], alone=True)]
        if credit is not None
    }
