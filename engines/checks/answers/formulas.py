"""Formulas, compared by Math-Verify; only the process of checks runs it, for it may hang."""

import re
from typing import Any

from engines.checks.answers.spelling import FUNCTIONS

_LARGEST = 100_000
"""The largest exponent that may be worked out."""
# What is exact agrees to this part of it; what is rounded, to a millionth.
_EXACT, _ROUNDED, _DIGITS = "1e-40", "1e-6", 60
# What the parser reads over.
_DROPPED = re.compile(
    r"(?<![a-zA-Z\s])'|\\[lcd]?dots|\^\s?\{?\s?(?:T|\\top)(?![a-zA-Z])|vmatrix|\\det"
)
_PRIMES = re.compile(r"([a-zA-Z])\s?('+)")
# What it reads as something else: degrees, and names as products of letters.
_REWRITTEN = [
    (re.compile(r"(\d+(?:\.\d+)?)\s?°"), r"\\frac{\1\\pi}{180}"),
    (re.compile(rf"(?<![\\a-zA-Z])(?=(?:{FUNCTIONS})(?![a-zA-Z]))"), r"\\"),
    (re.compile(r"\\sqrt\s?\(([^()]*)\)"), r"\\sqrt{\1}"),
    (re.compile(r"\\bmod(?![a-zA-Z])"), r"\\mod"),
]


def same_formula(gold: str, given: str) -> bool:
    """Whether two formulas (LaTeX) are mathematically equal. A formula that cannot be parsed equals
    no other one.

    Math-Verify rounds to six decimals and drops small values, so for it 2^-99 equals 2^-98. Two
    values that it calls equal must also be relatively close.

    Raises:
        OverflowError: the numbers are too large to compute.
    """
    if _too_large(gold) or _too_large(given):
        raise OverflowError("a power or factorial is too large to be worked out")
    if sorted(_DROPPED.findall(gold)) != sorted(_DROPPED.findall(given)):
        return False
    # 0.4 seconds to import; only the workers pay it.
    import math_verify
    import sympy

    reference, answer = _parsed(gold), _parsed(given)
    if reference is None or answer is None:
        return False
    if reference.has(sympy.Derivative) or answer.has(sympy.Derivative):
        # SymPy computes 0 for the derivative of an unknown function.
        return bool(reference == answer)
    # Math-Verify's timeouts are off: they use signals, which work only in main threads and do not
    # interrupt some calls. The worker process is killed instead.
    same = math_verify.verify(reference, answer, timeout_seconds=None, allow_set_relation_comp=True)
    return bool(same) and _close(reference, answer)


def _too_large(latex: str) -> bool:
    """Whether it is too large to compute: 9^{9^{9}}, 100000!, 10^{999999999}."""
    if re.search(r"\d{5}\s?\}?\s?!|!\s?!|\d{400}", latex):
        return True
    powers = re.findall(r"\^\s?\{?\s?-?(\d+)(?:\s?\}?\s?\^\s?\{?\s?(\d+))?", latex)
    return any(int(one[:9]) ** min(int(two[:9] or 1), 20) > _LARGEST for one, two in powers)


def _parsed(latex: str) -> Any:
    """The formula as SymPy has it, its i the root of -1; None where it is none."""
    import sympy
    from latex2sympy2_extended import NormalizationConfig
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig, latex2sympy

    # Units are read before; what Math-Verify takes for one may be a variable (m, s, h).
    spelling = NormalizationConfig(
        basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none"
    )
    latex = _PRIMES.sub(lambda name: f"{name[1]}_{{{'p' * len(name[2])}}}", latex)
    for pattern, put in _REWRITTEN:
        latex = pattern.sub(put, latex)
    try:
        parsed = latex2sympy(
            latex,
            is_real=True,
            normalization_config=spelling,
            conversion_config=ConversionConfig(lowercase_symbols=False),
        )
    except Exception:
        # A parser of LaTeX has no end of its own errors.
        return None
    if not isinstance(parsed, sympy.Basic | sympy.MatrixBase):
        return None
    return parsed.subs(sympy.Symbol("i", real=True), sympy.I)


def _close(gold: Any, given: Any) -> bool:
    """Whether two expressions have close values, at two places if they have variables."""
    import sympy

    if not (isinstance(gold, sympy.Expr) and isinstance(given, sympy.Expr)):
        return True
    rounded = gold.has(sympy.Float) or given.has(sympy.Float)
    most = sympy.Float(_ROUNDED if rounded else _EXACT, _DIGITS)
    variables = sorted(gold.free_symbols | given.free_symbols, key=str)
    for start in (3, 11):
        place = {one: sympy.Rational(start + 4 * n, 7) for n, one in enumerate(variables)}
        values = [sympy.N(one.subs(place), _DIGITS) for one in (gold, given)]
        if not all(value.is_number and value.is_finite for value in values):
            return True
        apart, size = abs(values[0] - values[1]), max(map(abs, values))
        if size != 0 and apart > most * size:
            return False
    return True
