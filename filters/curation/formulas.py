"""Numbers, signs and formulas: what makes texts differ though their words are nearly the same.

``12 apples`` is not ``21 apples``, ``x²`` not ``x2``, ``a < b`` not ``a > b``, and code of another
indentation does something else. Punctuation of prose is no sign here.
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
    """All `FORMULAS` of each text in their order, then all number words and negations, as one text:
    equal for texts that may be the same but for their other words."""
    assistant_message = texts.str.replace_all("\r\n", "\n", literal=True)
    assistant_message = assistant_message.str.replace(r"\A(?:[ \t]*\n)* ?", "")
    assistant_message = assistant_message.str.replace_all(r"['’](?:s|m|d|re|ve|ll)\b", "")
    # The capitals of a text that shouts are no names.
    plain = assistant_message.str.to_lowercase()
    shouts = assistant_message.str.contains(r"\A\P{Ll}*\p{Lu}{5}\P{Ll}*\z")
    assistant_message = plain.zip_with(shouts, assistant_message)
    signs = assistant_message.str.extract_all(FORMULAS).list.join("\n")
    return signs + "\n\n" + plain.str.extract_all(WORDS).list.join(" ")


_OPERAND = r"[(\[{]*[-−]?(?:\.?\b\p{Nd}[\p{N}\p{L}.,]*|\b\p{L}\b)[)\]}!′\p{No}]*"
QUANTITIES = (
    rf"{_OPERAND}(?:\s*[{OPERATORS}<>=≤≥−–-]+\s*{_OPERAND})+|"
    r"[-−]?\.?\b\p{Nd}[\p{N}\p{L}.,:/]*|[\p{No}\p{Nl}]|[\p{Sc}%‰]|"
    rf"\b(?:{NUMBER_WORDS})\b|[{IDEOGRAPHS}]"
)
_DIGITS_OF = {word: str(number) for number, word in enumerate(NUMBER_WORDS.split("|")[:21])}


def quantities(texts: pl.Series) -> pl.Series:
    """The numbers and formulas of each text in the order of their signs, so in whatever order they
    are said, as one text: equal for texts that may say the same in other words. ``one`` is no
    number here."""
    found = texts.str.to_lowercase().str.extract_all(QUANTITIES)
    plain = pl.element().str.replace_all(r"\s|[.,:]+$", "").replace(_DIGITS_OF)
    told = plain.filter(plain != "1").sort()
    return found.to_frame("text").select(pl.col("text").list.eval(told).list.join(" ")).to_series()
