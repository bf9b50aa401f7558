"""The asset check ``cut_off``: few of the texts that a stage's models wrote reached their limit of
tokens."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from assets.project.recipe_plan import Stage
from schemas import Lengths, Usage

CHECK = "cut_off"
MOST_CUT = 0.05
"""The share of texts that may be cut off without a warning."""
DESCRIPTION = f"At most {MOST_CUT:.0%} of the texts that models wrote were cut off"
_STEP = 64
"""A limit that is recommended is a multiple of this."""


def writes(stage: Stage) -> bool:
    """Whether a model writes texts in ``stage``."""
    return any("generate" in use.needs for use in stage.operator.roles())


def cut_off_check(stage: Stage, usage: Usage) -> dg.AssetCheckResult:
    """The result of the check. Its description says which parameter to set, and to which value."""
    worst = {
        limit: lengths
        for limit, lengths in sorted(usage.lengths.items())
        if lengths.cut > MOST_CUT * lengths.texts and _named(stage, limit)
    }
    texts = sum(lengths.texts for lengths in usage.lengths.values())
    cut = sum(lengths.cut for lengths in usage.lengths.values())
    description = "; ".join(_remedy(stage, limit, lengths) for limit, lengths in worst.items())
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not worst,
        severity=dg.AssetCheckSeverity.WARN,
        description=description or f"{cut:,} of {texts:,} texts were cut off",
        metadata={"texts": texts, "cut off": cut},
    )


def enough_tokens(limit: int, lengths: Lengths) -> int:
    """The limit of tokens at which about `MOST_CUT` of the texts would be cut off.

    Texts that were cut off are longer than ``limit``, by an unknown number of tokens. So they are
    assumed to end at the same rate per token as all texts do up to the limit: the maximum
    likelihood estimate for exponential lengths with censoring. If none ended, twice the limit.
    """
    ended = lengths.texts - lengths.cut
    share = lengths.cut / lengths.texts
    more = math.log(share / MOST_CUT) * lengths.tokens / ended if ended else limit
    return math.ceil((limit + more) / _STEP) * _STEP


def _remedy(stage: Stage, limit: int, lengths: Lengths) -> str:
    wanted = enough_tokens(limit, lengths)
    names = _named(stage, limit)
    set_it = " and ".join(f"--set {stage.name}.{name}={wanted}" for name in names)
    seen = "by the lengths seen" if lengths.cut < lengths.texts else "as none ended before"
    return (
        f"{stage.name}: {lengths.cut:,} of {lengths.texts:,} texts "
        f"({lengths.cut / lengths.texts:.0%}) were cut off at {limit:,} tokens: set "
        f"{' and '.join(names)} to about {wanted:,}, {seen} ({set_it})"
    )


def _named(stage: Stage, limit: int) -> list[str]:
    """The parameters of the stage's operator that set this limit. A lookahead is none of them:
    what it cuts off is written again."""
    return [name for name, value in _limits(stage.operator.model_dump()) if value == limit]


def _limits(parameters: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, int]]:
    """The limits of tokens among ``parameters``, also those of nested operators."""
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            yield from _limits(value, f"{path}{name}.")
        elif name.endswith("_tokens") and isinstance(value, int):
            yield f"{path}{name}", value
