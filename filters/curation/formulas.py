"""Numbers, signs and formulas, which make texts different even if their words are nearly the same.

``12 apples`` differs from ``21 apples``, ``x²`` from ``x2``, ``a < b`` from ``a > b``, and code
from the same code with another indentation. Punctuation of prose is ignored.
"""

import polars as pl

NUMBER_WORDS = (
    r"zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|"
    r"fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|"
    r"ninety|hundred|thousand|million|billion|half|third|quarter|twice|double|triple|dozen"
)
NEGATIONS = r"no|not|none|never|neither|nor|without|cannot"
IDEOGRAPHS = "〇一二三四五六七八九十百千万萬亿億兆零两兩半不没沒无無"
"""Numbers and negations of Chinese and Japanese."""
OPERATORS = r"\p{Sm}\p{Sc}%‰*/^·+＊／％"

_INDENTED = r"(?m)^[ \t]+\S+"
_DIGITS = r"\.?\b\p{Nd}[\p{L}\p{N}]*(?:[.,:/]\p{Nd}[\p{L}\p{N}]*)*[!′″]?"
_UNIT = r"(?:\s[\p{L}]{1,3}\b)?"
_SCRIPTS = r"[\p{No}\p{Nl}ⁱⁿ\x{2090}-\x{209C}]"
_VARIABLE = r"\b[b-hj-zB-HJ-Z\p{Greek}]\p{Nd}?(?:['’′″]+[^\p{L}'’′″]|\b)"
_NAMES = r"\b\p{Lu}\p{L}*\p{Nd}[\p{L}\p{Nd}]*|\b\p{Lu}{2,4}\b"
_SIGNS = r"[\p{S}%‰*/\\|@#~&(){}\[\]·\-＊／％－--[`´¨]]|!=?[(\w]"
FORMULAS = "|".join(
    (
        _INDENTED,
        rf"[{IDEOGRAPHS}]",
        _DIGITS + _UNIT,
        _SCRIPTS,
        _VARIABLE,
        _NAMES,
        r"\\[A-Za-z]+",
        r"_[\p{L}\p{Nd}]+",
        _SIGNS,
    )
)
"""Numbers with the short word behind them (``5 km``), superscripts, variables of one letter, names
such as ``H2O`` and ``ABC``, LaTeX's commands, subscripts, all signs that are not punctuation, and
the indentation of each line with the line's first word."""
WORDS = rf"\b(?:{NUMBER_WORDS}|{NEGATIONS})\b|n['’]t\b"


def formulas(texts: pl.Series) -> pl.Series:
    """All `FORMULAS` of each text in order, then all number words and negations, as one text. Equal
    for texts that differ only in other words."""
    text = texts.str.replace_all("\r\n", "\n", literal=True)
    text = text.str.replace(r"\A(?:[ \t]*\n)* ?", "")
    text = text.str.replace_all(r"['’](?:s|m|d|re|ve|ll)\b", "")
    # In a text written in capitals, capitals do not mark names.
    plain = text.str.to_lowercase()
    shouts = text.str.contains(r"\A\P{Ll}*\p{Lu}{5}\P{Ll}*\z")
    text = plain.zip_with(shouts, text)
    signs = text.str.extract_all(FORMULAS).list.join("\n")
    return signs + "\n\n" + plain.str.extract_all(WORDS).list.join(" ")


_OPERAND = r"[(\[{]*[-−]?(?:\.?\b\p{Nd}[\p{N}\p{L}.,]*|\b\p{L}\b)[)\]}!′\p{No}]*"
QUANTITIES = (
    rf"{_OPERAND}(?:\s*[{OPERATORS}<>=≤≥−–-]+\s*{_OPERAND})+|"
    r"[-−]?\.?\b\p{Nd}[\p{N}\p{L}.,:/]*|[\p{No}\p{Nl}]|[\p{Sc}%‰]|"
    rf"\b(?:{NUMBER_WORDS})\b|[{IDEOGRAPHS}]"
)
_DIGITS_OF = {word: str(number) for number, word in enumerate(NUMBER_WORDS.split("|")[:21])}


def quantities(texts: pl.Series) -> pl.Series:
    """The numbers and formulas of each text, sorted, as one text. Equal for texts that may say the
    same in other words. ``one`` does not count as a number."""
    matches = texts.str.to_lowercase().str.extract_all(QUANTITIES)
    plain = pl.element().str.replace_all(r"\s|[.,:]+$", "").replace(_DIGITS_OF)
    numbers = plain.filter(plain != "1").sort()
    return (
        matches.to_frame("text")
        .select(pl.col("text").list.eval(numbers).list.join(" "))
        .to_series()
    )
