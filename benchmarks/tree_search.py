"""Tree searches over many questions at once, against the same searches one question at a time.

    python -m benchmarks.tree_search

Both sides are `generators.TreeSearch` with the same engine, a pocket model in this process as a
recipe has it, and seeds: a searcher that takes a question after the other asks that engine for the
few continuations of one tree at a time, ours for those of all trees. The trees must be the same.
How much there is to gain depends on how much one tree asks for at once. So the searches are of four
kinds, from 2 texts a tree to 20; the second is `TreeSearch` as it comes.
Writes ``benchmarks/results/tree_search.json``.
"""

import argparse
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from annotators import RolloutValue
from benchmarks.results import entry, write
from engines.bindings import Binding
from engines.context import Context
from engines.local.engine import TransformersEngine
from engines.protocol import Engine
from generators import TreeSearch
from pocket import Problems
from schemas import Prompts, prompt_id, rows

COMMAND = "python -m benchmarks.tree_search"
ABOUT = "Tree search by a pocket model on the processor."
PEER = "one question at a time"
SHARE = 0.25
"""What the searches at once may take at most of the time of those one at a time."""


class Kept:
    """An engine that stays loaded when a run is over: what is measured is searching."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def close(self) -> None:
        """Nothing yet."""


def questions(count: int) -> pl.DataFrame:
    """Different pocket problems, as `Prompts`."""
    found: dict[str, dict[str, Any]] = {}
    for record in islice(Problems().prompts(), 2 * count):
        found.setdefault(prompt_id(record["messages"]), record)
    some = islice(found.items(), count)
    return rows(Prompts, [{**record, "prompt_id": name} for name, record in some])


SEARCHES = {
    "2 proposals": {"proposer": {"n": 2}},
    "4 proposals": {"proposer": {"n": 4}},
    "4 proposals drawn whole": {"proposer": {"n": 4, "lookahead": 256}},
    "4 proposals, 4 rollouts of each": {
        "scorer": RolloutValue(of="responses", k=4, steps="last"),
    },
}


def searched(
    asked: pl.DataFrame, engine: Kept, search: TreeSearch, *, at_once: int
) -> pl.DataFrame:
    """The trees of all questions, ``at_once`` of them in flight."""
    with tempfile.TemporaryDirectory() as folder:
        context = Context(
            recipe="benchmark",
            stage="trees",
            refresh="2026-01-01",
            roles={"policy": Binding(model="policy")},
            journal=Path(folder) / "journal.sqlite",
            models=Path(folder) / "models",
            checks=dict.fromkeys(asked["source"].unique(), "pocket.check"),
            window=at_once,
            progress=False,
            open_engine=lambda _: engine,  # type: ignore[arg-type,return-value]  # it hands all on
        )
        return search.run({"prompts": asked}, context).kept


def compare(rounds: int, count: int, simulations: int, model: str) -> list[dict[str, Any]]:
    """Both ways turn about, each kind of search; the medians."""
    engine = Kept(TransformersEngine(Binding(model=model, dtype="float32")))
    asked = questions(count)
    entries = []
    for kind, settings in SEARCHES.items():
        search = TreeSearch.model_validate({"simulations": simulations, **settings})
        seconds: dict[int, list[float]] = {count: [], 1: []}
        trees: list[pl.DataFrame] = []
        for _ in range(rounds):
            for at_once, taken in seconds.items():
                started = time.perf_counter()
                trees.append(searched(asked, engine, search, at_once=at_once))
                taken.append(time.perf_counter() - started)
        assert all(one.equals(trees[0]) for one in trees), "the trees are not the same"
        ours, theirs = (statistics.median(taken) for taken in seconds.values())
        print(f"{kind}: {ours / theirs:.1%} of the time (claim: at most {SHARE:.0%})", flush=True)
        entries.append(
            entry(
                f"{count} questions, {simulations} simulations each, {kind}: "
                f"{trees[0].height:,} nodes, the same both ways",
                ours,
                "s",
                theirs,
                peer=PEER,
                command=COMMAND,
            )
        )
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--simulations", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--model", default="pocket/checkpoints/base")
    given = parser.parse_args()
    entries = compare(given.rounds, given.questions, given.simulations, given.model)
    print(write("tree_search", ABOUT, entries))


if __name__ == "__main__":
    main()
