"""Checks that measured nothing: neither passed nor failed.

Dagster knows passed and failed only. It counts such a result as passed, so that nobody is called
for it; the severity is a warning, and the description and the metadata say that nothing was
measured.
"""

import dagster as dg

WORDS = "not measured"


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
