"""One spelling for what LaTeX, Markdown and Unicode write in several ways."""

import re
import unicodedata

_SIGNS = {
    **dict.fromkeys("−‒–—﹣－", "-"),
    **dict.fromkeys("’‘′", "'"),
    **dict.fromkeys("“”„", '"'),
    "≤": r" \le ",
    "≥": r" \ge ",
    "≠": r" \ne ",
    "≈": r" \approx ",
    "×": r" \times ",
    "÷": r" \div ",
    "·": r" \cdot ",
    "⋅": r" \cdot ",
    "±": r" \pm ",
    "∞": r" \infty ",
    "∪": r" \cup ",
    "∩": r" \cap ",
    "∈": r" \in ",
    "∅": r" \emptyset ",
    "π": r" \pi ",
    "θ": r" \theta ",
    "α": r" \alpha ",
    "β": r" \beta ",
    "λ": r" \lambda ",
    "º": "°",
    "⁄": "/",
    **dict.fromkeys("。।", ". "),
    "、": ", ",
    "\u200b": "",
    "\ufeff": "",
}
_SIGN = re.compile("|".join(map(re.escape, _SIGNS)))
_FRACTION = re.compile("[¼-¾⅐-⅞]")
_RAISED = re.compile("[⁺⁻]?[⁰¹²³⁴-⁹]+|[⁺⁻]?ⁿ")
_ROOT = re.compile(r"√\s*(\d+(?:\.\d+)?|[a-zA-Z]\b|\([^()]*\))")

OTHER_SCRIPT = r"[^\W\d_\u0000-\u03ff\u2000-\u2fff\uff00-\uffef\U0001d400-\U0001d7ff]"
"""A letter of a script in which no formula is written, such as Cyrillic, Arabic and Han; Greek is
none."""
FUNCTIONS = (
    "(?:arc)?(?:sin|cos|tan|cot|sec|csc)h?|log|ln|exp|lim|max|min|gcd|lcm|det|mod|deg|sqrt|pi|infty"
)
"""The names of functions and constants, as a pattern: no words, and no products of letters."""
_REWRITTEN = [
    (re.compile(pattern), put)
    for pattern, put in [
        (r"\\(?:left|right)\s*(?:\.|(?=[\\()\[\]|{}<>/]))", ""),
        (r"\\[bB]igg?[lr]?(?![a-zA-Z])", ""),
        (r"\\(?:displaystyle|textstyle|limits|boldsymbol|bf|rm|it)(?![a-zA-Z])", " "),
        (r"\\!|(?<=\d)\{(?=:\})|(?<=\d\{:)\}", ""),
        (r"(?<!\\)\\(?:[,;:> ~\n]|(?:q?quad|thinspace|enspace)(?![a-zA-Z]))", " "),
        (r"(?<!\\)~(?=\s*\S)", " "),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:leq|leqslant)(?![a-zA-Z])", r"\\le "),
        (r"\\(?:geq|geqslant)(?![a-zA-Z])", r"\\ge "),
        (r"\\neq(?![a-zA-Z])", r"\\ne "),
        (r"\\(?:lbrace|\{)", r"\\{"),
        (r"\\(?:rbrace|\})", r"\\}"),
        (r"\\(?:l?langle)(?![a-zA-Z])", "("),
        (r"\\(?:r?rangle)(?![a-zA-Z])", ")"),
        (r"\\(?:varnothing|\{\s*\\\})", r"\\emptyset "),
        (r"\\(?:degree|textdegree)(?![a-zA-Z])|\^\s*\{\s*\\circ\s*\}|\^\s*\\circ(?![a-zA-Z])", "°"),
        (r"\\(?:approx|simeq|sim)(?![a-zA-Z])", r"\\approx "),
        (r"\\(?:text|mathrm)\s*\{\s*(e|i|d)\s*\}", r"\1"),
        (r"\\(?:mathbf|mathit)\s*\{\s*([a-zA-Z])\s*\}", r" \1 "),
        (rf"\\(?:operatorname\*?|text|mathrm)\s*\{{\s*({FUNCTIONS})\s*\}}", r"\\\1 "),
        (r"\\(?:text\w*|math(?:rm|bf|it|sf)|mbox|operatorname\*?|emph|hbox)(?=\s*\{)", r"\\text"),
        (r"\\pounds(?![a-zA-Z])", "£"),
        (r"\\(?:euro|texteuro)(?![a-zA-Z])", "€"),
    ]
]  # fmt: skip
_WRAPPED = [
    re.compile(pattern, re.DOTALL)
    for pattern in [
        r"\\\((.*)\\\)",
        r"\\\[(.*)\\\]",
        r"\$\$(.+)\$\$",
        r"\$([^$]+)(?<!\\)\$",
        r"\*\*(.+)\*\*",
        r"\*(?=\S)([^*]+)\*",
        r"_+(?=[^\s_])([^_]+)_+",
        r"`+([^`]+)`+",
        r"\"([^\"]+)\"",
        r"'([^']+)'",
        r"\[\s*'([^']*)'\s*\]|\[\s*\"([^\"]*)\"\s*\]",
        r"(?:\\text\s*)?\{([^{}]*)\}",
    ]
]
_TEXT = re.compile(r"\\text\s*\{((?:[^{}]|\{[^{}]*\})*)\}")


def spelled(text: str) -> str:
    """``text`` with one spelling of each sign, space, fraction and command; nothing is removed
    that has a meaning."""
    if not text.isascii():
        text = _FRACTION.sub(_fraction, text)
        text = _RAISED.sub(_power, text)
        text = unicodedata.normalize("NFKC", text)
        text = _ROOT.sub(lambda root: f"\\sqrt{{{root[1].strip('()')}}}", text)
        text = _SIGN.sub(lambda sign: _SIGNS[sign[0]], text)
    if re.search(r"[\\~{]", text):
        for pattern, put in _REWRITTEN:
            text = pattern.sub(put, text)
    return " ".join(text.split())


def bare(text: str) -> str:
    """A spelled answer without what stands around it: ``$…$``, ``**…**``, quotes, braces, ends of
    sentences."""
    before = None
    while before != text:
        before = text
        text = text.strip().strip(",;:").strip()
        text = re.sub(r"(?<=[^\s.])\.$|(?<![\\A-Z])\\$", "", text)
        for wrapped in _WRAPPED:
            if match := wrapped.fullmatch(text):
                inner = next(group for group in match.groups() if group is not None)
                if balanced(inner):
                    text = inner.strip()
    return text


def without_text(text: str) -> str:
    """``text`` with the words of ``\\text{…}`` as plain words."""
    before = None
    while before != text:
        before, text = text, _TEXT.sub(r" \1 ", text)
    return " ".join(text.split())


def balanced(text: str) -> bool:
    """Whether every bracket that closes was opened before: in "a) + (b" one was not. Half-open
    intervals are balanced."""
    depth = 0
    for bracket in re.findall(r"[{}()\[\]]", text):
        depth += 1 if bracket in "{([" else -1
        if depth < 0:
            return False
    return depth == 0


def _power(raised: re.Match[str]) -> str:
    return f"^{{{unicodedata.normalize('NFKC', raised[0])}}}"


def _fraction(match: re.Match[str]) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", match[0]).partition("⁄")
    return f"\\frac{{{top}}}{{{bottom}}}"
