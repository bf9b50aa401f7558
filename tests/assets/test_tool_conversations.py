"""Conversations with a system turn, several turns, tools, calls, results and thoughts: from a file,
through generating, pairing and training, to an export, and in again."""

import json
import shutil
from pathlib import Path
from typing import Any

import datasets
import polars as pl
import pytest
from typer.testing import CliRunner

from assets.cli import app
from assets.config.settings import load_settings
from assets.importers.importer import import_dataset
from assets.storage.tables import Tables
from schemas import migrated, named_rows
from tests import chat_templates
from tests.assets.conftest import SAMPLED
from tests.checkout import ROLES

MULTIPLY = {
    "type": "function",
    "function": {
        "name": "multiply",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "multiply", "arguments": {"a": 6, "b": [7]}},
}
ASKED: list[list[dict[str, Any]]] = [
    [
        {"role": "system", "content": "Use the tools."},
        {"role": "user", "content": "What is 6 * 7?"},
        {"role": "assistant", "content": "", "reasoning_content": "Mul.", "tool_calls": [CALL]},
        {"role": "tool", "content": '{"value": 42}', "name": "multiply", "tool_call_id": "c1"},
    ],
    [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Name a tree."},
    ],
]


@pytest.fixture
def exported(workshop: Any, tmp_path: Path, make_tiny_model: Any) -> Path:
    """The folder of an export of pairs about `ASKED`, on which a policy was trained."""
    model = make_tiny_model(tmp_path / "model", positions=1024)
    (model / "chat_template.jinja").write_text(chat_templates.WITH_TOOLS)
    workshop.configure(roles={role: {"model": str(model), "dtype": "float32"} for role in ROLES})
    given = [
        {"messages": messages, "tools": tools}
        for messages, tools in zip(ASKED, ([MULTIPLY], None), strict=True)
    ]
    (tmp_path / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in given))
    read = {"use": "generators.Files", "path": str(tmp_path / "asked.jsonl"), "licence": "MIT"}
    workshop.source("asked", read={**read, "messages": "messages"})
    stages = {
        "responses": SAMPLED,
        "pairs": {"use": "filters.RandomPairs", "of": "responses"},
        "policy": {"use": "trainers.DPO", "of": "pairs", "learning_rate": 1e-3},
    }
    workshop.recipe("tools", stages, sources={"asked": 1.0})
    outcome = workshop.run("tools")
    assert outcome.checkpoint is not None
    assert outcome.checkpoint["rows"] == len(ASKED)
    folder = tmp_path / "exported"
    done = CliRunner().invoke(app, ["export", "tools", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


def test_an_export_has_the_conversations_as_they_were_and_can_be_imported_again(
    exported: Path, tmp_path: Path
) -> None:
    shutil.move(exported / "candidates", tmp_path / "candidates")
    files = str(exported / "data" / "*.parquet")
    rows = datasets.load_dataset(
        "parquet", data_files=files, cache_dir=str(tmp_path / "cache"), split="train"
    )
    assert rows["prompt"][:] == ASKED
    assert [tools and json.loads(tools) for tools in rows["tools"]] == [[MULTIPLY], None]
    assert all(side[0].keys() == {"role", "content"} for side in rows["chosen"])

    told = import_dataset(load_settings(), "preference", str(exported / "data"), name="again")
    prompts = [
        {row["prompt_id"]: row["messages"] for row in named_rows(table)}
        for table in (
            Tables(load_settings().root_path).read(("tools", "prompts"), "2026-11-01"),
            migrated(pl.read_parquet(str(told.prompts))),
        )
    ]
    assert prompts[0] == prompts[1]
