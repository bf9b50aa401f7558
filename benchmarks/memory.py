"""What a model takes in memory on a CPU, beside what is said before it is loaded.

    python -m benchmarks.memory                   # a pocket model
    python -m benchmarks.memory --model FOLDER    # another, such as that of `make real`

Each case runs in a process of its own. It takes the most memory that the process held, without what
it held before. The cache of generating is limited, so that it is full.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import results

CASES = ("generate", "score", "dpo", "dpo_long", "sft", "dpo_lora")
WORDS = "The river ran past the old town and its mill, and nobody knew how deep it was. "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []])
    parser.add_argument("--model", default="pocket/checkpoints/base")
    parser.add_argument("--alone", action="store_true", help="in this process, as JSON")
    given = parser.parse_args()
    if given.alone:
        print(json.dumps(taken(given.cases[0], given.model)))
        return
    name = Path(given.model).name
    command = f"python -m benchmarks.memory --model {name}"
    entries = []
    for case in given.cases or CASES:
        found = measured(case, given.model)
        said = results.entry(
            f"{case}, {name}", found["taken"], "GB", found["said"], peer="said", command=command
        )
        entries.append(said)
    print(results.write(f"memory_{name}", str(__doc__), entries))


def measured(case: str, model: str) -> dict[str, float]:
    """`taken`, in a process of its own."""
    alone = [sys.executable, "-m", "benchmarks.memory", case, "--model", model, "--alone"]
    return results.measured(alone)


def taken(case: str, model: str) -> dict[str, float]:
    """GB that are said (``said``) and that the case takes (``taken``)."""
    # Their own memory is no part of the model's.
    import trl.trainer.dpo_trainer
    import trl.trainer.sft_trainer  # noqa: F401

    import engines.local.engine  # noqa: F401
    from engines.bindings import Binding
    from engines.context import Context

    options = {"batch_size": 32, "cache_tokens": 32 * 192, "score_tokens": 2048}
    with tempfile.TemporaryDirectory() as folder:
        context = Context(
            recipe="memory",
            stage=case,
            refresh="2026-01-01",
            roles={"policy": Binding(model=model, dtype="float32", device="cpu", options=options)},
            journal=Path(folder) / "journal.sqlite",
            models=Path(folder),
            progress=False,
        )
        before = _resident_gigabytes()
        (need,) = _run(case, context).report.usage.memory.values()
    return {"said": sum(need["needs"].values()), "taken": results.peak() - before}


def _run(case: str, context: Any) -> Any:
    """The split of the case's stage."""
    from annotators import Likelihood
    from generators import Fixed, Sample
    from schemas import Demonstrations, Pairs, Prompts, prompt_id, rows
    from trainers import DPO, SFT

    asked = [[{"role": "user", "content": f"{number}. {WORDS}"}] for number in range(32)]
    about = {"reference": None, "source": "s", "source_revision": "1", "licence": "CC0-1.0"}
    prompts = rows(
        Prompts, [{"prompt_id": prompt_id(turns), "messages": turns, **about} for turns in asked]
    )
    if case == "generate":
        return Sample(n=1, max_tokens=128).run({"prompts": prompts}, context)
    if case == "score":
        texts = tuple(f"{number}. {WORDS * 8}" for number in range(2))
        responses = Fixed(texts=texts).run({"prompts": prompts}, context).kept
        return Likelihood().run({"prompts": prompts, "responses": responses}, context)
    length = 16 if case == "dpo_long" else 6
    sides = [
        [{"role": "assistant", "content": f"{number}. {WORDS * length}"}] for number in range(2)
    ]
    numbers = [str(number) for number in range(4)]
    if case == "sft":
        written = [
            {"demonstration_id": one, "prompt_id": one, "messages": [*asked[int(one)], *sides[0]]}
            for one in numbers
        ]
        examples = rows(Demonstrations, written)
        return SFT(of="rows", learning_rate=1e-5, batch_size=2).run({"rows": examples}, context)
    ids = {"chosen_id": "a", "rejected_id": "b", "margin": 1.0, "weight": 1.0}
    pairs = [
        {
            **{"pair_id": one, "prompt_id": one, "prompt": asked[int(one)]},
            **{"chosen": sides[0], "rejected": sides[1], **ids},
        }
        for one in numbers
    ]
    lora = {"rank": 16} if case == "dpo_lora" else None
    trainer = DPO(of="rows", learning_rate=1e-5, batch_size=2, lora=lora)
    return trainer.run({"rows": rows(Pairs, pairs)}, context)


def _resident_gigabytes() -> float:
    """The memory that this process holds now, in GB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e9


if __name__ == "__main__":
    main()
