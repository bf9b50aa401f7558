"""Checks that neither passed nor failed: they measured nothing, or too little to decide.

Dagster knows passed and failed only. It counts such a result as passed, so that nobody is called
for it; the severity is a warning, and the description and the metadata say which of the two it is.
"""

import dagster as dg

WORDS = "not measured"
UNDECIDED = "undecided"


def unmeasured(why: str, *, check_name: str | None = None) -> dg.AssetCheckResult:
    """The result of a check that measured nothing, and why."""
    return dg.AssetCheckResult(
        check_name=check_name,
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{WORDS}: {why.removeprefix(f'{WORDS}: ')}",
        metadata={WORDS: True},
    )


def is_measured(result: dg.AssetCheckEvaluation) -> bool:
    """Whether a check measured what it checks."""
    return WORDS not in result.metadata


def result_words(result: dg.AssetCheckEvaluation) -> str:
    """The result in words: ``passed``, ``did not pass``, ``not measured`` or ``undecided``."""
    for neither in (WORDS, UNDECIDED):
        if neither in result.metadata:
            return neither
    return "passed" if result.passed else "did not pass"
