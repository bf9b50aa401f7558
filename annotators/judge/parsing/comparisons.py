"""Rewrites comparisons of two responses as symbols.

"Response B is clearly better than A's answer" becomes ``B > A``. So the grammar of a choice is
small: ``A > B``, ``A < B``, ``A = B``, ``A ✓`` (A is the better one), ``A`` alone, ``C`` or ``≡``
(a tie).
"""

import re

NOUN = (
    r"(?:responses?|answers?|assistants?|models?|options?|outputs?|candidates?|completions?|summary"
    r"|solutions?|texts?|ai|repl(?:y|ies)|choices?)"
)
_HOW = (
    r"(?:(?:clearly|slightly|much|significantly|substantially|far|marginally|somewhat|also|overall"
    r"|simply|definitely|just|still|by far|roughly|about|basically|equally|strongly|considerably"
    r"|a (?:bit|little|lot)|the|both|ultimately|therefore|thus|generally|narrowly|relatively) )*"
)
_VIRTUE = (
    r"(?:helpful|accurate|correct|complete|thorough|useful|informative|comprehensive|precise"
    r"|relevant)"
)
_GOOD = (
    r"(?:better|best|stronger|strongest|superior|preferred|preferable|favou?red|winner|winning"
    rf"|more {_VIRTUE}(?:,? (?:and )?(?:more )?{_VIRTUE})*)"
)
_SAME = r"(?:equally \w+|tied|equal|equivalent|comparable|the same|even|on (?:a )?par)\b"
_OF_TWO = rf"(?: (?:{NOUN}|one|overall|here|of the two|choice))*"
_IS = r" (?:is|was|are) "

# Names come first. Other patterns follow a letter, or stand between two letters to compare.
_SYMBOLS = tuple(
    (re.compile(pattern, flags), by)
    for pattern, by, flags in (
        (rf"\b(?:the )?(?i:{NOUN})(?:_| ?\()a\b\)?", "A", re.I),
        (rf"\b(?:the )?(?i:{NOUN})(?:_| ?\()b\b\)?", "B", re.I),
        (
            rf"\b(?:[Tt]he )?(?i:{NOUN})[ :]?[\[(\"'“‘]{{0,3}}([AB])\b(?!['’]\w)[\])\"'”’]{{0,3}}",
            r"\1",
            0,
        ),
        (r"\b(?i:option|choice|answer) ?[\[(\"'“‘]{0,3}(C)\b[\])\"'”’]{0,3}", r"\1", 0),
        (r"[\[(\"'“‘]{1,3} ?([ABC]) ?[\])\"'”’]{1,3}(?!\w)", r"\1", 0),
        (rf"\b(?:(?i:(?:the )?{NOUN}) )?([AB])['’]s (?i:{NOUN})\b", r"\1", 0),
        (rf"\b(?:(?i:(?:the )?{NOUN}) )?([AB])['’]s(?=\W*(?:\Z|[.,;\n]))", r"\1", 0),
        (rf"(?<=\b[AB]){_IS}{_HOW}{_GOOD}{_OF_TWO} (?:than|to|over) (?=[AB]\b)", " > ", 0),
        (
            r"(?<=\b[AB]) (?:(?:narrowly )?beats|edges out|defeats|outperforms|surpasses|wins over"
            r"|over) (?=[AB]\b)",
            " > ",
            0,
        ),
        (r"(?<=\b[AB]),? (?:rather than|instead of) (?=[AB]\b)", " > ", 0),
        (r"\bprefer ([AB]) to (?=[AB]\b)", r"prefer \1 > ", 0),
        (r"(?<=\b[AB]) (?:loses to|falls short of|is beaten by) (?=[AB]\b)", " < ", 0),
        (rf"(?<=\b[AB]){_IS}{_HOW}(?:worse|weaker|inferior) (?:than|to) (?=[AB]\b)", " < ", 0),
        (rf"(?<=\b[AB]){_IS}{_HOW}{_SAME} (?:with|to|as) (?=[AB]\b)", " = ", 0),
        (rf"(?<=\b[AB]){_IS}{_HOW}as \w+ as (?=[AB]\b)", " = ", 0),
        (r"(?<=\b[AB]) (?:equals|ties with) (?=[AB]\b)", " = ", 0),
        (r"(?<=\b[AB])\s*(?:>+|≫|≻)\s*(?=[AB]\b)", " > ", 0),
        (r"(?<=\b[AB])\s*(?:<+|≪|≺)\s*(?=[AB]\b)", " < ", 0),
        (r"(?<=\b[AB])\s*(?:[=~]+|≈|≃|≅)\s*(?=[AB]\b)", " = ", 0),
        (
            rf"\bneither(?: {NOUN}| A nor B)?(?: is {_HOW}(?:better|superior)(?: than the other)?)?"
            r"(?=\W*\Z|[,.;:\n])",
            "≡",
            re.I,
        ),
        (rf"(?<=\b[AB]){_IS}{_HOW}{_GOOD}{_OF_TWO}(?! \w)", " ✓", 0),
        (rf"(?<=\b[AB]){_IS}{_HOW}{_GOOD}{_OF_TWO}(?= (?:because|since|due to|as)\b)", " ✓", 0),
        (r"(?<=\b[AB]) (?:clearly )?(?:wins|won|it is)\b(?! (?:in|on|at|for|with)\b)", " ✓", 0),
        (rf"\b(?:A and B|B and A|both(?: {NOUN})?|they) are {_HOW}{_SAME}(?! in\b)", "≡", re.I),
        (rf"\bboth (?:{NOUN} )?{_HOW}{_SAME}(?! in\b)", "≡", re.I),
        (r"\bnone(?=\W*\Z|[.\n])|\bno (?:clear )?(?:winner|preference)\b", "≡", re.I),
        (r"\bno (?:real |clear )?difference(?=\W*\Z|[.,;\n])", "≡", re.I),
        (r"\b(?:an? )?(?:tied?|draw|equal)\b(?![- ]?break)", "≡", re.I),
        (r"\b(?:relatively |about )?the same(?=\W*\Z|[.:,\n])", "≡", re.I),
        (r"(?<=≡) between (?:A and B|B and A)\b", "", 0),
        (r"\b(?:it|this|there|the (?:result|outcome))(?: is|['’]s) (?=≡)", "", re.I),
    )
)


def in_symbols(words: str) -> str:
    """``words`` with names, comparisons and ties as symbols."""
    for pattern, by in _SYMBOLS:
        words = pattern.sub(by, words)
    return words
