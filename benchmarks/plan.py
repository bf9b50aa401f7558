"""What `factory plan` says that a run will ask of models, against what the run then asks.

    python -m benchmarks.plan

Each recipe is planned and then run, in a root of its own: nothing is known before but the answers
to the sample of the plan. Writes ``benchmarks/results/plan.json``.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assets import Factory
from benchmarks.results import entry, write
from schemas import Cost

COMMAND = "python -m benchmarks.plan"
ABOUT = (
    "What factory plan estimates from 16 prompts, against what the run on 64 then asked, on "
    "pocket models. The last column is the estimate over what was asked."
)
RECIPES = (
    *("cream", "tick", "rise", "self_judge", "cdr", "online_dpo"),
    *("step_dpo", "helpsteer2_preference", "mcts_dpo", "self_rewarding"),
)
"""One of each family."""
FIGURES = {
    "calls": "calls",
    "prompt_tokens": "prompt tokens",
    "answer_tokens": "answer tokens",
}


def compare(recipe: str, rows: int, root: Path) -> Iterator[dict[str, Any]]:
    """The lines of one recipe."""
    os.environ |= {"FACTORY_ROOT": str(root / "data"), "DAGSTER_HOME": str(root / "dagster")}
    factory = Factory.open()
    planned = factory.plan(recipe, rows=rows)
    stages = factory.refresh(recipe, rows=rows).stages
    costs = [Cost(**cost) for each in stages.values() for cost in each["by_role"].values()]
    made = sum(costs, Cost())
    for name, unit in FIGURES.items():
        estimate = planned.total(name)
        asked = getattr(made, name)
        if not asked and not round(estimate.value):
            continue
        what = f"{recipe}: {unit} (95 % interval ±{estimate.error:,.0f})"
        yield entry(what, estimate.value, unit, asked, peer="the run", command=COMMAND)
    for stage, why in planned.unknown.items():
        print(f"{recipe}/{stage}: not estimated: {why}")
    by_stage: dict[str, float] = {}
    for one in planned.roles:
        by_stage[one.stage] = by_stage.get(one.stage, 0.0) + one.calls.value
    for stage, calls in by_stage.items():
        asked = sum(cost["calls"] for cost in stages[stage]["by_role"].values())
        print(f"{recipe}/{stage}: {calls:,.0f} calls planned, {asked:,} made", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*")
    parser.add_argument("--rows", type=int, default=64)
    given = parser.parse_args()
    found: list[dict[str, Any]] = []
    for recipe in given.recipes or RECIPES:
        with tempfile.TemporaryDirectory() as root:
            found += compare(recipe, given.rows, Path(root))
    print(write("plan", ABOUT, found))


if __name__ == "__main__":
    main()
