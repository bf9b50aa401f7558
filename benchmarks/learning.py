"""How much a policy learns from verified pairs, and in how long.

    python -m benchmarks.learning --model pocket/checkpoints/base --out data/learning

Samples answers to pocket problems, pairs a right one with a wrong one, trains on the pairs, and
answers held-out problems before and after. Prints one JSON object a trainer.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from annotators import Verifier
from engines.bindings import Binding
from engines.operators.context import Context
from filters import BestWorst, RandomPairs
from generators import Sample
from pocket import Problems
from schemas import Demonstrations, Prompts, prompt_id, rows
from trainers import DPO, SFT, Validate
from trainers.evaluation.metrics import summary


def problems(number: int, *, split: Any, seed: int) -> pl.DataFrame:
    """``number`` different problems, as `Prompts`."""
    found: dict[str, dict[str, Any]] = {}
    for record in Problems(seed=seed, split=split).prompts():
        found.setdefault(prompt_id(record["messages"]), record)
        if len(found) == number:
            break
    return rows(Prompts, [{**record, "prompt_id": name} for name, record in found.items()])


def chosen_sides(pairs: pl.DataFrame) -> pl.DataFrame:
    """The better half of ``pairs`` as `Demonstrations`."""
    return rows(
        Demonstrations,
        [
            {
                "demonstration_id": pair["pair_id"],
                "prompt_id": pair["prompt_id"],
                "messages": pair["prompt"] + pair["chosen"],
            }
            for pair in pairs.iter_rows(named=True)
        ],
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="pocket/checkpoints/base")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=504)
    parser.add_argument("--held-out", type=int, default=300)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)

    def context(stage: str) -> Context:
        return Context(
            recipe="learning",
            stage=stage,
            refresh="benchmark",
            roles={"policy": Binding(model=given.model)},
            journal=given.out / "journal.sqlite",
            models=given.out / "models",
            checks={"pocket": "pocket.check"},
            seed=given.seed,
        )

    # About three prompts in four give both a right and a wrong answer.
    tables = {"prompts": problems(given.pairs * 3 // 2, split="train", seed=given.seed)}
    tables["held_out"] = problems(given.held_out, split="held_out", seed=given.seed)
    tables["responses"] = Sample(n=4, max_tokens=200).run(tables, context("responses")).kept
    tables["scores"] = Verifier(of="responses").run(tables, context("scores")).kept
    verified = BestWorst(of="responses", by="scores").run(tables, context("pairs")).kept
    tables["pairs"] = verified.head(given.pairs)
    tables["random"] = (
        RandomPairs(of="responses")
        .run(tables, context("random"))
        .kept.filter(pl.col("prompt_id").is_in(tables["pairs"]["prompt_id"].to_list()))
    )
    tables["demonstrations"] = chosen_sides(tables["pairs"])

    rate = given.learning_rate
    trials = {
        "DPO on verified pairs": DPO(of="pairs", learning_rate=rate),
        "DPO on random pairs": DPO(of="random", learning_rate=rate),
        "SFT on the chosen side, 2 epochs": SFT(of="demonstrations", learning_rate=rate, epochs=2),
    }
    for number, (title, trainer) in enumerate(trials.items()):
        policy = trainer.run(tables, context(f"policy{number}")).kept
        validate = Validate(of="policy", samples=given.samples, max_tokens=200)
        started = time.monotonic()
        measured = validate.run({**tables, "policy": policy}, context(f"validated{number}")).kept
        row = policy.row(0, named=True)
        print(
            json.dumps(
                {
                    "trial": title,
                    "rows": row["rows"],
                    "steps": row["steps"],
                    "training_seconds": round(row["seconds"], 1),
                    "validation_seconds": round(time.monotonic() - started, 1),
                    **json.loads(row["metrics"]),
                    **summary(measured),
                    "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
