"""Checks that neither passed nor failed: they measured nothing, or too little to decide.

Dagster knows passed and failed only. It counts such a result as passed, so that nobody is called
for it; the severity is a warning, and the description and the metadata say which of the two it is.
"""

import dagster as dg

NOT_MEASURED = "not measured"
UNDECIDED = "undecided"


def unmeasured(why: str, *, check_name: str | None = None) -> dg.AssetCheckResult:
    """The result of a check that measured nothing, and why."""
    return dg.AssetCheckResult(
        check_name=check_name,
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{NOT_MEASURED}: {why.removeprefix(f'{NOT_MEASURED}: ')}",
        metadata={NOT_MEASURED: True},
    )


def result_words(result: dg.AssetCheckEvaluation) -> str:
    """The result in words: ``passed``, ``did not pass``, ``not measured`` or ``undecided``."""
    for neither in (NOT_MEASURED, UNDECIDED):
        if neither in result.metadata:
            return neither
    return "passed" if result.passed else "did not pass"
