"""Measures the claims of recipes."""

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any

from assets.cli.claim_runs import FIGURES, claims_of_seed
from assets.config.settings import Settings
from assets.project.measure import Figures, over_seeds, with_verdict, without_verdict

_GROWTH = 4
"""The most that a claim grows at a time: what would decide is estimated from an interval that is
wide at first."""


def measure_until_decided(
    settings: Settings,
    names: Sequence[str],
    *,
    rows: int | None,
    refresh: str,
    world: str | None = None,
    seeds: int = 1,
    hours: float,
) -> Iterator[list[dict[str, Any]]]:
    """Measure claims on ever more prompts, until they are decided or the time is over.

    A claim that more prompts of its recipe do not decide is measured once: a policy's gain, for
    example, is measured on all held-out prompts that there are. No claim begins after ``hours``.
    Another call goes on: answers are in the journal.

    Args:
        settings: The configuration.
        names: The recipes.
        rows: Prompts to begin with; None: the numbers of the recipes.
        refresh: As for `measure_claims`.
        world: As for `measure_claims`.
        seeds: As for `measure_claims`.
        hours: The time.

    Yields:
        The results so far, the newest of each recipe, each time that one is there.
    """
    until = monotonic() + 3600 * hours
    results: dict[str, dict[str, Any]] = {}
    sizes: dict[str, int | None] = dict.fromkeys(names, rows)
    while sizes:
        for name in list(sizes):
            if results and monotonic() > until:
                return
            (claim,) = measure_claims(
                settings, [name], rows=sizes[name], refresh=refresh, world=world, seeds=seeds
            )
            results[name] = claim
            yield list(results.values())
            needed = claim["deciding_rows"]
            if needed is None or needed <= claim["rows"]:
                del sizes[name]
            else:
                sizes[name] = min(needed, _GROWTH * claim["rows"])


def measure_claims(
    settings: Settings,
    names: Sequence[str],
    *,
    rows: int | None,
    refresh: str,
    world: str | None = None,
    seeds: int = 1,
) -> list[dict[str, Any]]:
    """Measure the claim of each recipe in ``names``.

    A recipe and its control run the recipe's ``rounds`` refreshes, the last at ``refresh``. They
    run in the folder ``claims/<world>/<refresh>`` of the root, without earlier refreshes: both draw
    the same prompts and start from the same policy. They use the configured journal, so no answer
    is paid for twice. At the last refresh only the stages run that the measure reads, with those
    that they need.

    Args:
        settings: The configuration.
        names: The recipes.
        rows: Prompts of a refresh; None: the number of the recipe.
        refresh: The last refresh.
        world: The source of prompts; policies are validated on the source ``<world>_held_out``.
            None: the sources of the configuration. A recipe with sources of its own is not
            measured in another world.
        seeds: How often the recipe and its control train, each time with another seed
            (`assets.project.measure.over_seeds`). A claim that needs no training is measured once.

    Returns:
        One result a recipe, as ``factory claims --json`` prints it.

    Raises:
        FactoryError: ``world`` is not two sources.
    """
    by_name = {
        name: [claim] for name, claim in claims_of_seed(settings, names, 0, rows, refresh, world)
    }
    repeated = [name for name, (claim,) in by_name.items() if claim["trains"]]
    for seed in range(1, seeds):
        for name, claim in claims_of_seed(settings, repeated, seed, rows, refresh, world):
            by_name[name].append(claim)
    combined = map(_over_seeds, by_name.values())
    return [{name: claim[name] for name in claim if name != "trains"} for claim in combined]


def _over_seeds(claims: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One result of those of several seeds."""
    first = claims[0]
    unmeasured = next((claim for claim in claims if claim["verdict"] is None), None)
    if unmeasured is not None or len(claims) == 1:
        return {**(unmeasured or first), "seeds": len(claims)}
    figures = over_seeds(
        [
            Figures(
                measured=claim["measured"],
                control=claim["control"],
                low=claim["low"],
                high=claim["high"],
                held=claim["held"],
                says=without_verdict(claim["says"]) or claim["says"],
                boundary=claim["boundary"],
                below=claim["below"],
            )
            for claim in claims
        ]
    )
    known_figures = {name: getattr(figures, name) for name in FIGURES if hasattr(figures, name)}
    sentence = with_verdict(figures.verdict, figures.says)
    return {**first, **known_figures, "deciding_rows": None, "seeds": len(claims), "says": sentence}
