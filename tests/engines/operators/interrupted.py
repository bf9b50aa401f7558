"""Run by tests in a process of its own: Sample over some prompts, an answer after some ms.

``interrupted.py FOLDER ROWS DELAY_MS``: the journal and ``table.parquet`` go to FOLDER. The key of
each question is printed as it is asked. A delay below 0 never answers.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from engines.bindings import Binding
from engines.context import Context
from engines.journal.identity import Identity
from engines.operators.run_rows import Stopped
from engines.protocol import Engine, Generation, Rendered, Sampling
from generators import Sample
from schemas import Message, Prompts, prompt_id, rows


class SlowEngine(Engine):
    name = "slow"
    revision = "slow"

    def __init__(self, binding: Binding) -> None:
        self.delay = float(sys.argv[3]) / 1000

    def render(self, messages: Sequence[Message]) -> Rendered:
        return Rendered(tuple(messages), messages[-1]["content"])

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        known = Identity("generate", engine=self.name, revision=self.revision, sampling=sampling)
        print(known.generations(prompt.text, [seed])[0].hex(), flush=True)
        if self.delay < 0:
            await asyncio.Event().wait()
        await asyncio.sleep(self.delay * (seed % 8))
        return Generation(f"{prompt.text} {seed}", (seed % 1000,), (-0.1,), "stop")

    async def close(self) -> None:
        """Nothing to free."""


def main(folder: Path, count: int) -> None:
    known = {"source": "test", "source_revision": "1", "licence": "none"}
    asked: list[list[Message]] = [[{"role": "user", "content": f"row {n}"}] for n in range(count)]
    prompts = rows(
        Prompts, [{"prompt_id": prompt_id(one), "messages": one, **known} for one in asked]
    )
    context = Context(
        recipe="recipe",
        stage="responses",
        refresh="2026-01-01",
        roles={"policy": Binding(model="slow")},
        journal=folder / "journal.sqlite",
        models=folder / "models",
        window=32,
        progress=False,
        open_engine=SlowEngine,
    )
    try:
        split = Sample(n=2).run({"prompts": prompts}, context)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(3)
    assert split.dropped.is_empty()
    split.kept.with_columns(pl.col("finish").cast(pl.String)).write_parquet(
        folder / "table.parquet"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
