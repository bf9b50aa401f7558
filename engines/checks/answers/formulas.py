"""Formulas, compared by Math-Verify; only the process of checks runs it, for it may hang."""

import re
from typing import Any

_LARGEST = 100_000
"""The largest exponent that may be worked out."""
# What is exact agrees to this part of it; what is rounded, to a millionth.
_EXACT, _ROUNDED, _DIGITS = "1e-40", "1e-6", 60


def same_formula(gold: str, given: str) -> bool:
    """Whether two formulas, as LaTeX, are equal as mathematics.

    Math-Verify rounds to six decimals and drops what is small, so that 2^-99 equals 2^-98: two
    values that it calls equal must also be close for their size. Raises ValueError if ``gold`` is
    no formula, and OverflowError where nobody could work out the numbers.
    """
    if _too_large(gold) or _too_large(given):
        raise OverflowError("a power or factorial is too large to be worked out")
    # 0.4 seconds to import; only the workers pay it.
    import math_verify

    reference = _parsed(gold)
    if reference is None:
        raise ValueError(f"no mathematical answer is found in the reference {gold[:200]!r}")
    answer = _parsed(given)
    if answer is None:
        return False
    # Timeouts inside are off: they are signals, which work in main threads only and which some
    # hanging calls never notice. The worker that runs this is killed instead.
    same = math_verify.verify(reference, answer, timeout_seconds=None, allow_set_relation_comp=True)
    return bool(same) and _close(reference, answer)


def _too_large(latex: str) -> bool:
    """Whether working it out would never end: 9^{9^{9}}, 100000!, 10^{999999999}."""
    if re.search(r"\d{5}\s?\}?\s?!|!\s?!|\d{400}", latex):
        return True
    powers = re.findall(r"\^\s?\{?\s?-?(\d+)(?:\s?\}?\s?\^\s?\{?\s?(\d+))?", latex)
    return any(int(one[:9]) ** min(int(two[:9] or 1), 20) > _LARGEST for one, two in powers)


def _parsed(latex: str) -> Any:
    """The formula as SymPy has it; None where it is none."""
    import math_verify
    from latex2sympy2_extended import NormalizationConfig

    # Units are read before; what Math-Verify takes for one may be a variable (m, s, h).
    spelling = NormalizationConfig(
        basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none"
    )
    found = math_verify.parse(
        f"${latex}$",
        extraction_config=[math_verify.LatexExtractionConfig(normalization_config=spelling)],
        extraction_mode="first_match",
        parsing_timeout=None,
    )
    return _complex(found[0]) if found and not isinstance(found[0], str) else None


def _complex(formula: Any) -> Any:
    """A formula whose i is the root of -1, and other variables the same as anywhere else."""
    import sympy

    place = {
        one: sympy.I if one.name == "i" else sympy.Symbol(one.name, real=True)
        for one in formula.free_symbols
        if isinstance(one, sympy.Symbol)
    }
    return formula.subs(place) if any(one != put for one, put in place.items()) else formula


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
