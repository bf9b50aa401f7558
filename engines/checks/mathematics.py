"""Mathematical answers, compared by Math-Verify."""

from collections.abc import Sequence

from engines.checks.loading import may_hang
from schemas import Message


@may_hang()
def math(messages: Sequence[Message], reference: str | None, text: str) -> bool:
    """Whether the final answer of ``text`` equals the reference as mathematics.

    ``reference``: an expression (``\\frac{1}{2}``, ``x^2+1``, ``72``) or a worked solution that
    ends in one (``\\boxed{…}`` or ``$…$``). The response's answer is the last one that Math-Verify
    finds: boxed, after "answer is", or the last expression. No answer is a wrong one.
    Raises ValueError if the reference is missing or no answer is found in it.
    """
    # 0.6 seconds to import; only the workers pay it.
    import math_verify

    if reference is None or not reference.strip():
        raise ValueError("the prompt has no reference answer")
    stated = reference if "$" in reference or "\\boxed" in reference else f"\\boxed{{{reference}}}"
    # Timeouts inside are off: they are signals, which work in main threads only and which some
    # hanging calls never notice. The worker that runs this is killed instead.
    gold = math_verify.parse(stated, parsing_timeout=None)
    if not gold:
        raise ValueError(f"no mathematical answer is found in the reference {reference[:200]!r}")
    given = math_verify.parse(text, parsing_timeout=None)
    return bool(math_verify.verify(gold, given, timeout_seconds=None))
