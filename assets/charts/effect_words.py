"""The results of ablations in words."""

from assets.storage.ablations import Interval, Measured, VariantResult

UNDECIDED = "undecided"
SAME_ROWS = "the same rows"
EMPTY = "—"


def rows_of(variant: VariantResult) -> str:
    """The rows of each stage, and how often each was learned: ``240 (×2)``."""
    return "\n".join(
        f"{rows:,} (×{variant.epochs[stage]:.2g})" if rows else f"no {stage}"
        for stage, rows in variant.rows.items()
    )


def figures_of(variant: VariantResult, measure: str) -> tuple[str, str]:
    """A variant against the start and against the training on all data."""
    measured = variant.measured.get(measure)
    if measured is None:
        return EMPTY, EMPTY
    effect = EMPTY if measured.effect is None else interval_text(measured.effect, measured.by)
    return interval_text(measured.gain, measured.by), effect


def interval_text(interval: Interval, by: str) -> str:
    """``+12.0 points [+8.1, +15.9] (+11.0 +13.0)``; the last are the means of the seeds."""
    scale, unit, digits = (1, "", ".3g") if by == "reward" else (100, " points", ".1f")
    mean, low, high, *seeds = (
        f"{scale * value:+{digits}}"
        for value in (interval.mean, interval.low, interval.high, *interval.seeds)
    )
    return f"{mean}{unit} [{low}, {high}] ({' '.join(seeds)})"


def effect_of(variant: VariantResult, measure: str) -> str:
    """What follows from a comparison with all data: ``online_dpo helps``."""
    if variant.same_rows:
        return SAME_ROWS
    measured = variant.measured[measure]
    if measured.effect is None:
        return _against_start(measured)
    if not measured.effect.decided:
        return UNDECIDED
    better = measured.effect.mean > 0
    if variant.left_out is not None:
        return f"{variant.left_out} {'hurts' if better else 'helps'}"
    return f"{'better' if better else 'worse'} than all data"


def _against_start(measured: Measured) -> str:
    if not measured.gain.decided:
        return UNDECIDED
    return "better than the start" if measured.gain.mean > 0 else "worse than the start"
