"""The effects of the parts of a dataset, with intervals, paired by prompt and seed."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.storage.ablations import Interval, Measured
from kernels.intervals import Floats, bootstrap_interval
from trainers.evaluation.outcomes import outcomes

RESAMPLES = 10_000

Evaluated = Sequence[pl.DataFrame]
"""The evaluations of the checkpoint of each seed."""


def measured(
    stage: str, evaluated: Mapping[str, Evaluated], reference: str
) -> dict[str, dict[str, Measured]]:
    """The figures of each variant that a validation stage measured.

    A prompt counts if all variants and seeds have it. The interval is a bootstrap over prompts and
    over seeds: a resample draws both, and takes a prompt with the outcomes of both trainings.

    Args:
        stage: The name of the validation stage.
        evaluated: The evaluations of each variant, by its name.
        reference: The name of the training on all data.

    Returns:
        For each measure, which is ``stage`` or ``stage (sampled)``, the figures of each variant.
    """
    by_variant = {name: [outcomes(frame) for frame in frames] for name, frames in evaluated.items()}
    results: dict[str, dict[str, Measured]] = {}
    for kind, (by, _) in by_variant[reference][0].items():
        frames = {name: [each[kind][1] for each in seeds] for name, seeds in by_variant.items()}
        prompts = _common([each for seeds in frames.values() for each in seeds])
        aligned = {
            name: [prompts.join(each, on="prompt_id", maintain_order="left") for each in seeds]
            for name, seeds in frames.items()
        }
        counts = aligned[reference][0]["count"].to_numpy()
        start = float(aligned[reference][0]["before"].sum() / counts.sum())
        sums = {
            name: {when: np.array([each[when].to_numpy() for each in seeds]) for when in _WHEN}
            for name, seeds in aligned.items()
        }
        results[f"{stage} ({kind})" if kind else stage] = {
            name: Measured(
                by,
                prompts.height,
                start,
                interval(each["after"] - each["before"], counts),
                None
                if name == reference
                else interval(each["after"] - sums[reference]["after"], counts),
            )
            for name, each in sums.items()
        }
    return results


_WHEN = ("before", "after")


def interval(sums: Floats, counts: npt.ArrayLike, *, seed: int = 0) -> Interval:
    """The mean of a difference, with its 95 % interval.

    Args:
        sums: Float[seeds, prompts]: the sum of the differences of a prompt's outcomes.
        counts: Float[prompts]: the number of the outcomes.
        seed: The seed of the bootstrap.
    """
    of_prompts = np.asarray(counts, dtype=np.float64)
    seeds = len(sums)
    noise = np.random.default_rng(seed)

    def means(drawn: npt.NDArray[np.int64]) -> Floats:
        drawn_seeds = noise.multinomial(seeds, np.full(seeds, 1 / seeds), size=len(drawn))
        totals = ((drawn @ sums.T) * drawn_seeds).sum(axis=1)
        return np.asarray(totals / (seeds * (drawn @ of_prompts)))

    low, high = bootstrap_interval(means, np.ones(of_prompts.size), resamples=RESAMPLES, seed=seed)
    by_seed = sums.sum(axis=1) / of_prompts.sum()
    return Interval(float(by_seed.mean()), low, high, tuple(map(float, by_seed)))


def _common(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The prompts that all frames have, in the order of the first."""
    prompts = frames[0].select("prompt_id")
    for each in frames[1:]:
        prompts = prompts.join(each, on="prompt_id", how="semi", maintain_order="left")
    return prompts
