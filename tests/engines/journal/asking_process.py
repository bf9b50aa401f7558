"""A stage whose model answers each time with another text, so two processes never agree by chance.

``python -m tests.engines.journal.asking_process FOLDER`` runs it when it reads a line, and writes
its table to ``FOLDER/table.parquet``.
"""

import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from engines.bindings import Binding
from engines.context import Context
from engines.protocol import Engine, Generation, Rendered, Sampling
from generators import Sample
from schemas import Message, Prompts, prompt_id, rows

PROMPTS, SAMPLES = 100, 4


class NeverTheSame(Engine):
    name = "never-the-same"
    revision = "1"
    generates = True

    def __init__(self, binding: Binding) -> None: ...

    def render(self, messages: Sequence[Message]) -> Rendered:
        return Rendered(tuple(messages), str(messages[-1]["content"]))

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        return Generation(uuid.uuid4().hex, (1,), (-1.0,), "stop")

    async def close(self) -> None: ...


def asked(folder: Path) -> pl.DataFrame:
    """The stage's table. The journal is in ``folder``."""
    records = []
    for number in range(PROMPTS):
        messages: list[Message] = [{"role": "user", "content": f"Question {number}"}]
        known = {"source": "questions", "source_revision": "1", "licence": "CC0-1.0"}
        records.append({"prompt_id": prompt_id(messages), "messages": messages, **known})
    context = Context(
        recipe="asked",
        stage="responses",
        refresh="2026-01-01",
        roles={"policy": Binding(model="policy")},
        journal=folder / "journal.sqlite",
        models=folder / "models",
        window=8,
        progress=False,
        open_engine=NeverTheSame,
    )
    return Sample(n=SAMPLES).run({"prompts": rows(Prompts, records)}, context).kept


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    asked(Path(sys.argv[1])).write_parquet(Path(sys.argv[1]) / "table.parquet")
