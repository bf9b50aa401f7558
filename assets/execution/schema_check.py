"""The asset check ``schema``: every kept row satisfies every rule of its table."""

from collections import Counter
from collections.abc import Iterable

import dagster as dg
import polars as pl

from schemas import Table


def schema_check(table: type[Table], kept: pl.DataFrame) -> dg.AssetCheckResult:
    """Check the kept rows against the rules of a table.

    Returns:
        The result; its description says how many rows break which rule.
    """
    return schema_check_of_parts(table, [kept])


def schema_check_of_parts(table: type[Table], parts: Iterable[pl.DataFrame]) -> dg.AssetCheckResult:
    """As `schema_check`, for kept rows of which one part at a time is in memory."""
    missing: list[str] = []
    broken: Counter[str] = Counter()
    rows, valid = 0, True
    for kept in parts:
        missing = [name for name in table.columns() if name not in kept.columns]
        found = {} if missing else dict(table.filter(kept, cast=True)[1].counts())
        rows += kept.height
        broken.update(found)
        valid = valid and (bool(missing or found) or table.is_valid(kept))
    wrong = [f"there is no column {name}" for name in missing]
    wrong += [
        f"{count:,} of {rows:,} rows break the rule {rule.replace('|', ' ')}"
        for rule, count in broken.items()
    ]
    if not wrong and not valid:
        wrong = ["columns are not of their types"]
    description = "; ".join(wrong) or f"all {rows:,} rows keep every rule of {table.__name__}"
    return dg.AssetCheckResult(
        check_name="schema",
        passed=not wrong,
        description=description,
        metadata={"table": table.__name__, "rows": rows, **broken},
    )
