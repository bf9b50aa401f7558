"""The asset check ``schema``: every kept row satisfies every rule of its table."""

import dagster as dg
import polars as pl

from schemas import Table


def schema_check(table: type[Table], kept: pl.DataFrame) -> dg.AssetCheckResult:
    """Check the kept rows against the rules of a table.

    Returns:
        The result; its description says how many rows break which rule.
    """
    missing = [name for name in table.columns() if name not in kept.columns]
    broken = {} if missing else dict(table.filter(kept, cast=True)[1].counts())
    wrong = [f"there is no column {name}" for name in missing]
    wrong += [
        f"{rows:,} of {kept.height:,} rows break the rule {rule.replace('|', ' ')}"
        for rule, rows in broken.items()
    ]
    if not wrong and not table.is_valid(kept):
        wrong = ["columns are not of their types"]
    description = "; ".join(wrong) or (
        f"all {kept.height:,} rows keep every rule of {table.__name__}"
    )
    return dg.AssetCheckResult(
        check_name="schema",
        passed=not wrong,
        description=description,
        metadata={"table": table.__name__, "rows": kept.height, **broken},
    )
