"""Rank agreement of a million responses in 125,000 prompts, against a loop of scipy over prompts.

    python -m benchmarks.rank_agreement

One view scores at random, the other gives one of five grades, so there are ties. The loop is timed
on some of the prompts, drawn anew each round, and scaled to all; the values must be the same to
1e-12. ``kernels.ranks`` and the loop are given the same arrays; `filters.RankAgreement` finds its
scores in tables, of which the loop is spared. Writes ``benchmarks/results/rank_agreement.json``.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import kendalltau, spearmanr

from benchmarks import tables
from benchmarks.results import entry, write
from filters import RankAgreement
from kernels import ranks

COMMAND = "python -m benchmarks.rank_agreement"
ABOUT = "Agreement of two rankings of eight responses a prompt, on one core."
PEERS = {
    "kendall": ("scipy.stats.kendalltau", kendalltau),
    "spearman": ("scipy.stats.spearmanr", spearmanr),
}
SAME = 1e-12


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came out."""
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


def compare(count: int, sample: int, rounds: int) -> list[dict[str, Any]]:
    """Kernel, filter and loop, turn about; the best of each, since what else the machine does only
    adds to them."""
    responses = tables.responses(pl.repeat("text", count, eager=True))
    responses = responses.select("response_id", "prompt_id")
    views = {
        "now": tables.scores(count, "now", seed=1),
        "before": tables.scores(count, "before", seed=2, grades=5),
    }
    a, b = (views[name]["value"].to_numpy() for name in ("now", "before"))
    prompts = count // tables.PER_PROMPT
    groups = np.repeat(np.arange(prompts), tables.PER_PROMPT)
    rng = np.random.default_rng(0)
    entries = []
    for statistic, (peer, one) in PEERS.items():
        weighing = RankAgreement.model_validate({"of": ("now", "before"), "statistic": statistic})
        kernel = getattr(ranks, statistic)
        seconds: dict[str, list[float]] = {"kernel": [], "filter": [], "loop": []}
        for _ in range(rounds):
            taken, found = timed(lambda: kernel(groups, a, b, count=prompts))  # noqa: B023
            seconds["kernel"].append(taken)
            taken, weights = timed(lambda: weighing.weights(responses, views))  # noqa: B023
            seconds["filter"].append(taken)
            drawn = rng.choice(prompts, size=sample, replace=False)
            rows = a.reshape(prompts, -1)[drawn], b.reshape(prompts, -1)[drawn]
            taken, slow = timed(lambda: [one(x, y).statistic for x, y in zip(*rows, strict=True)])  # noqa: B023
            seconds["loop"].append(taken * prompts / sample)
            assert np.nanmax(abs(found.value[drawn] - slow)) < SAME
            of_tables = weights.sort("prompt_id")["weight"].to_numpy()[drawn]
            assert np.nanmax(abs(2 * of_tables - 1 - np.array(slow))) < SAME
        loop = min(seconds["loop"])
        theirs = f"{peer} in a loop, timed on {sample:,} prompts and scaled"
        work = f"{statistic}, {count:,} responses in {prompts:,} prompts"
        for way, said in (
            ("kernel", "of arrays"),
            ("filter", "of tables, of which the loop is spared"),
        ):
            ours = min(seconds[way])
            entries.append(entry(f"{work}, {said}", ours, "s", loop, peer=theirs, command=COMMAND))
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--responses", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(write("rank_agreement", ABOUT, compare(given.responses, given.sample, given.rounds)))


if __name__ == "__main__":
    main()
