"""Samples responses in a folder, by an engine here or by replicas."""

from functools import partial
from pathlib import Path

import polars as pl

from engines.bindings import Binding
from engines.cluster.settings import Cluster
from engines.context import Context
from engines.opening import open_engine
from generators import Sample
from schemas import Prompts, Split, prompt_id, rows


def prompts(texts: list[str]) -> pl.DataFrame:
    """`schemas.Prompts` with a row for each text."""
    known = {"source": "test", "source_revision": "1", "licence": "none"}
    records = []
    for text in texts:
        messages = [{"role": "user", "content": text}]
        records.append({"prompt_id": prompt_id(messages), "messages": messages, **known})
    return rows(Prompts, records)


def sampled(
    binding: Binding,
    folder: Path,
    cluster: Cluster,
    *,
    count: int,
    n: int = 1,
    window: int = 2048,
    texts: list[str] | None = None,
) -> Split:
    """``n`` responses to each of ``count`` prompts, or of ``texts``. The journal is in ``folder``,
    and the table is sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    context = Context(
        recipe="recipe",
        stage="responses",
        refresh="2026-01-01",
        roles={"policy": binding},
        journal=folder / "journal.sqlite",
        models=folder / "models",
        window=window,
        progress=False,
        open_engine=partial(open_engine, cluster=cluster),
    )
    asked = prompts(texts or [f"question {number}" for number in range(count)])
    split = Sample(n=n, max_tokens=24).run({"prompts": asked}, context)
    return Split(split.kept.sort("response_id"), split.dropped)
