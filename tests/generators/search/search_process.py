"""Run by tests in a process of its own: trees over a few pocket problems.

``search_process.py FOLDER``: the journal and ``trees.parquet`` go to FOLDER; how many answers the
model gave is printed at the end.
"""

import sys
from pathlib import Path

import pocket
from annotators import RolloutValue
from engines.bindings import Binding
from engines.context import Context
from generators import TreeSearch
from schemas import Prompts, prompt_id, rows


def main(folder: Path) -> None:
    records = (record for record, _ in zip(pocket.Problems().prompts(), range(3), strict=False))
    prompts = rows(Prompts, [{**one, "prompt_id": prompt_id(one["messages"])} for one in records])
    context = Context(
        recipe="recipe",
        stage="trees",
        refresh="2026-01-01",
        roles={"policy": Binding(model=str(pocket.checkpoint("base")))},
        journal=folder / "journal.sqlite",
        models=folder / "models",
        checks=dict.fromkeys(prompts["source"].unique(), "pocket.check"),
        progress=False,
    )
    search = TreeSearch(simulations=5, scorer=RolloutValue(of="", k=3, steps="last"))
    split = search.run({"prompts": prompts}, context)
    assert split.dropped.is_empty()
    split.kept.write_parquet(folder / "trees.parquet")
    print(split.report.usage.model_calls)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
