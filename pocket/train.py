"""Train the pocket models: `python -m pocket.train`, with `--device cuda` on a GPU.

Hours on two processors, minutes on a GPU. Killed, the same command goes on.

Runs (`pocket.courses`) that others go on from are trained first, each by all processes together;
then the others, one a process. Everything is kept in `<out>/.progress/` every minute.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import multiprocessing
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from schemas.atomic import replace_folder

from .courses import RUNS, new_tokenizer
from .learning import Past, new_model, teach
from .measure import measure, write_quality

SAVE_EVERY = 60.0
"""Seconds between two times that progress is kept."""
LOG_EVERY = 50
"""Steps between two lines about the progress."""

CARD = """---
license: apache-2.0
---

# A pocket model

A small Llama, trained by `python -m pocket.train` on problems, solutions and judgements that
programs wrote. How well it does each task is in `../README.md`.
"""
"""The card of each checkpoint, which states its licence."""


def train_run(
    name: str,
    tokenizer: PreTrainedTokenizerFast,
    out: Path,
    steps: int | None = None,
    device: str = "cpu",
) -> tuple[LlamaForCausalLM, Past]:
    """Train a run to its end, from where it was left. steps: of each course, if not its own."""
    run = RUNS[name]
    model = new_model(tokenizer, run)
    torch.nn.Module.to(model, device)
    past, state = Past(), None
    kept = out / ".progress" / f"{name}.pt"
    begins = kept if kept.exists() else None
    if begins is None and run.after is not None:
        begins = out / ".progress" / f"{run.after}.pt"
    if begins is not None:
        stored = torch.load(begins, weights_only=True, map_location=device)
        model.load_state_dict(stored["model"])
        past = Past(**stored["past"])
        state = stored["state"]
        if begins != kept:
            past, state = Past(past.steps, past.seconds), None
    leads = not dist.is_initialized() or dist.get_rank() == 0
    last = time.monotonic()

    def keep(now: Past, made: Mapping[str, Any] | None, *, at_once: bool = False) -> None:
        nonlocal last
        if leads and (at_once or time.monotonic() - last > SAVE_EVERY):
            _write(kept, {"model": model.state_dict(), "past": asdict(now), "state": made})
            last = time.monotonic()

    while past.course < len(run.courses):
        course = run.courses[past.course]
        course = replace(course, steps=steps) if steps else course

        title, total = f"{name} {past.course + 1}/{len(run.courses)}", course.steps

        def say(
            step: int, loss: float, speed: float, title: str = title, total: int = total
        ) -> None:
            if leads and (step % LOG_EVERY == 0 or step == total):
                print(f"{title}: {step}/{total} loss {loss:.3f} {speed:,.0f} tokens/s", flush=True)

        past = teach(model, tokenizer, course, past, state=state, keep=keep, say=say)
        state = None
        keep(past, None, at_once=True)
    return model, past


def finish(name: str, out: Path, tokenizer: PreTrainedTokenizerFast, *, problems: int) -> None:
    """Measure a run that is done, and write its checkpoint."""
    stored = torch.load(out / ".progress" / f"{name}.pt", weights_only=True, map_location="cpu")
    model = new_model(tokenizer, RUNS[name])
    model.load_state_dict(stored["model"])
    model.eval()  # type: ignore[no-untyped-call]
    past = Past(**stored["past"])
    notes = {"steps": past.steps, "training_seconds": round(past.seconds)}
    save(model, tokenizer, {**notes, **measure(model, tokenizer, problems)}, out / name)


def _write(file: Path, state: Mapping[str, Any]) -> None:
    """Put a file in the place of an older one, whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(f".{os.getpid()}")
    torch.save(dict(state), new)
    os.replace(new, file)


def save(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, notes: dict[str, Any], to: Path
) -> None:
    """Write a checkpoint's folder whole, in the place of an older one."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".new-") as folder:
        new, old = Path(folder) / "new", Path(folder) / "old"
        model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            do_sample=True,
            temperature=1.0,
            max_new_tokens=256,
        )
        model.save_pretrained(new)
        tokenizer.backend_tokenizer.no_padding()  # left there by measuring; not the file's business
        tokenizer.save_pretrained(new)
        (new / "quality.json").write_text(json.dumps(notes, indent=2) + "\n")
        (new / "README.md").write_text(CARD)
        replace_folder(new, to, old=old)


def _shared(
    rank: int, ranks: int, name: str, out: Path, meeting: str, steps: int | None, device: str
) -> None:
    """One of the processes that train a run together."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=ranks)
    train_run(name, new_tokenizer(), out, steps, device)
    dist.destroy_process_group()


def _alone(name: str, out: Path, steps: int | None, problems: int, device: str) -> None:
    """A process that trains, measures and writes a run."""
    torch.set_num_threads(1)
    tokenizer = new_tokenizer()
    train_run(name, tokenizer, out, steps, device)
    finish(name, out, tokenizer, problems=problems)


def main() -> None:
    """Train, measure and write the runs named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m pocket.train", description=__doc__)
    branches = [name for name in RUNS if name != "common"]
    parser.add_argument("names", nargs="*", default=branches, help=f"of {', '.join(branches)}")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "checkpoints")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--device", default="cpu", help="cpu, or cuda for a GPU: minutes, not hours"
    )
    parser.add_argument("--steps", type=int, help="steps of each course, if not its own")
    parser.add_argument("--problems", type=int, default=300, help="held-out problems to measure on")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(branches):
        parser.error(f"there is no run {', '.join(sorted(unknown))}")
    chosen.out.mkdir(parents=True, exist_ok=True)
    first = {run.after for name, run in RUNS.items() if name in chosen.names and run.after}
    ranks = 1 if chosen.device != "cpu" else chosen.processes  # a GPU takes a step's batches alone
    for name in sorted(first):
        with tempfile.TemporaryDirectory() as folder:
            meeting = f"file://{folder}/meeting"
            multiprocessing.spawn(  # type: ignore
                _shared,
                (ranks, name, chosen.out, meeting, chosen.steps, chosen.device),
                nprocs=ranks,
            )
    # Not multiprocessing's pool: its processes are daemons, which may start no worker of their own.
    with ProcessPoolExecutor(
        chosen.processes, multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        ends = [
            pool.submit(_alone, name, chosen.out, chosen.steps, chosen.problems, chosen.device)
            for name in chosen.names
        ]
        for end in ends:
            end.result()
    write_quality(chosen.out)


if __name__ == "__main__":
    main()
