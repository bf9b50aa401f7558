"""Which answers the journal forgets, and which it keeps because a model can still be asked."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from assets.maintenance.journal_retention import prune_journal
from engines.bindings import Binding
from engines.journal.statistics import statistics
from engines.journal.store import Journal
from engines.weights import weights_revision
from trainers.training.checkpoint_folder import RECORD


def test_only_models_that_nobody_can_ask_are_forgotten(
    workshop: Any, make_tiny_model: Callable[..., Path]
) -> None:
    bound = make_tiny_model(workshop.folder / "no model")
    models = workshop.folder / "data" / "models" / "recipe" / "2026-11-01"
    trained = make_tiny_model(models / "policy", seed=1)
    (trained / RECORD).write_text("{}")
    deleted = make_tiny_model(models / "deleted", seed=2)
    config = yaml.safe_load((workshop.folder / "factory.yaml").read_text())
    server = {"engine": "openai", "url": "http://127.0.0.1:9/v1", "served_as": "mine"}
    workshop.configure(roles=config["roles"] | {"critic": server})

    of_weights = {
        name: weights_revision(Binding(model=str(folder), dtype="float32"))
        for name, folder in (("bound", bound), ("trained", trained), ("deleted", deleted))
    }
    shutil.rmtree(deleted)
    path = workshop.folder / "data" / "journal.sqlite"
    journal = Journal(path)

    async def keep(engine: str, revision: str, name: str) -> None:
        model = journal.model(engine, revision, name)
        journal.find([revision.encode()], model, "generate")
        await journal.keep(model, "generate", [(revision.encode(), b"an answer")])

    for name, revision in of_weights.items():
        asyncio.run(keep("transformers", revision, name))
    asyncio.run(keep("vllm", f'{of_weights["bound"]} {{"quantization":"fp8"}}', "bound"))
    asyncio.run(keep("openai", "whatever the server said", "mine"))
    asyncio.run(keep("openai", "whatever it said too", "of another server"))
    journal.close()

    assert prune_journal(workshop.project()) == (2, 4)
    left = {(one.name, one.engine) for one in statistics(path).usage}
    assert left == {
        ("bound", "transformers"),
        ("bound", "vllm"),
        ("trained", "transformers"),
        ("mine", "openai"),
    }
