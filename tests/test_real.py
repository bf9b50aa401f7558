"""Recipes with a real chat model, SmolLM2-135M-Instruct, end to end: `factory.yaml` alone binds it.

Run by ``make test-real``, which prepares the model first.
"""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from transformers import AutoTokenizer
from typer.testing import CliRunner

import instructions
from assets.cli import app
from assets.definitions import build_definitions
from assets.project.changes import read_changes
from assets.project.project import load_project
from assets.refresh import Outcome, run_refresh
from engines.chat.template import chat_text, prompt_ids, turn_end
from engines.protocol import RowError
from tests.checkout import PROJECT, ROLES

pytestmark = pytest.mark.real

MODEL = PROJECT / "data" / "pretrained" / "smollm2-135m-instruct"
REFRESH = "2026-11-01"
PROMPTS = (
    "How do I get a stain of red wine out of a white shirt?",
    "Write a two-line poem about the sea.",
    "What is the capital of Portugal, and what is it known for?",
    "Give me three ideas for a birthday party in winter.",
    "Explain in one sentence what a database is.",
    "Which is heavier, a litre of water or a litre of oil?",
    "Write a polite reply to a friend who cancelled a dinner.",
    "What should I pack for a weekend in the mountains?",
)
"""Ordinary instructions, of which nobody knows a right answer."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder whose roles are all the real model."""
    if not MODEL.is_dir():
        pytest.skip("the real model is not prepared: run make real")
    monkeypatch.setenv("FACTORY_CONFIG", str(tmp_path / "factory.yaml"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return tmp_path


def configure(folder: Path, **sources: dict[str, Any]) -> None:
    """Write ``factory.yaml`` and its sources: ``asked``, and ``held_back`` for validation."""
    # Short answers, so that the tests take minutes.
    role = {"model": str(MODEL), "dtype": "float32", "defaults": {"max_tokens": 64}}
    config = {
        "root": "data",
        "roles": dict.fromkeys(ROLES, role),
        "sources": {"asked": 1.0},
        "held_out": "held_back",
        "recipes": ["recipes"],
    }
    (folder / "factory.yaml").write_text(yaml.safe_dump(config))
    for name, attributes in sources.items():
        file = folder / "recipes" / name / "defs.yaml"
        file.parent.mkdir(parents=True)
        source = {"type": "assets.Source", "attributes": {"name": name, **attributes}}
        file.write_text(yaml.safe_dump(source))


def refreshed(recipe: str, rows: int, *changes: str) -> Outcome:
    """One refresh of a recipe in the configured project, with parameters of its stages changed."""
    project = load_project()
    definitions = build_definitions(project, [recipe])
    given = read_changes(changes)
    return run_refresh(project, definitions, recipe, refresh=REFRESH, rows=rows, changes=given)


def test_online_dpo_learns_from_instructions_that_a_program_checks(folder: Path) -> None:
    read = {"use": "instructions.Instructions"}
    configure(
        folder,
        asked={"read": read, "check": "instructions.check", "rows": 12},
        held_back={
            "read": {**read, "split": "held_out"},
            "check": "instructions.check",
            "rows": 3,
            "fixed": True,
        },
    )
    outcome = refreshed("online_dpo", 12, "responses.n=4", "validated.samples=1")
    for stage, account in outcome.stages.items():
        assert account["in"] == account["kept"] + sum(account["dropped"].values()), stage
    tables = folder / "data" / "tables" / "online_dpo"
    prompts = pl.read_parquet(tables / "prompts" / f"{REFRESH}.parquet")
    pairs = pl.read_parquet(tables / "pairs" / f"{REFRESH}.parquet")
    assert pairs.height
    for pair in pairs.join(prompts, on="prompt_id").iter_rows(named=True):
        chosen, rejected = (
            instructions.check(pair["messages"], pair["reference"], pair[side][-1]["content"])
            for side in ("chosen", "rejected")
        )
        assert (chosen, rejected) == (True, False)
    (trained,) = pl.read_parquet(tables / "policy" / f"{REFRESH}.parquet").to_dicts()
    assert trained["trained"]
    assert (Path(trained["path"]) / "model.safetensors").is_file()
    validated = pl.read_parquet(tables / "validated" / f"{REFRESH}.parquet")
    assert validated.height == 3


def test_self_rewarding_goes_from_plain_instructions_to_an_export(folder: Path) -> None:
    for name, prompts in (("asked", PROMPTS[:6]), ("held_back", PROMPTS[6:])):
        lines = "".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts)
        (folder / f"{name}.jsonl").write_text(lines)
    sources = {
        name: {
            "read": {"use": "generators.Files", "path": f"{name}.jsonl", "licence": "CC0-1.0"},
            "fixed": name == "held_back",
        }
        for name in ("asked", "held_back")
    }
    configure(folder, **sources)
    # So small a model is a poor judge: its probes may fail, and the margins of its grades are noise
    # that makes no pairs by default. This is about the way to the export.
    shipped = PROJECT / "recipes" / "self_rewarding" / "self_rewarding" / "defs.yaml"
    recipe = yaml.safe_load(shipped.read_text())
    recipe["attributes"]["name"] = "lenient"
    recipe["attributes"]["stages"]["scores"]["probes"] = "warn"
    file = folder / "recipes" / "lenient" / "defs.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(recipe))
    outcome = refreshed("lenient", len(PROMPTS), "responses.n=4", "pairs.min_standard_margin=0")
    assert outcome.stages["pairs"]["kept"]
    out = folder / "out"
    done = CliRunner().invoke(app, ["export", "lenient", str(out)])
    assert done.exit_code == 0, done.output
    assert list(out.rglob("*.parquet"))


def test_its_template_is_read_as_transformers_reads_it(folder: Path) -> None:
    """It adds a system turn, ends turns with its padding token, and knows no tools."""
    tokenizer: Any = AutoTokenizer.from_pretrained(MODEL)
    asked = {"role": "user", "content": " How are you? "}
    begun = [asked, {"role": "assistant", "content": " Well.\n"}, asked]
    for messages in ([asked], begun, [{"role": "system", "content": "Be brief."}, *begun]):
        expected = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=False
        )
        assert prompt_ids(tokenizer, chat_text(tokenizer, messages)) == expected
    end = turn_end(tokenizer, frozenset({tokenizer.eos_token_id}))
    assert end == tokenizer.eos_token_id == tokenizer.pad_token_id
    with pytest.raises(RowError, match="the chat template leaves out 'tools'"):
        chat_text(tokenizer, [{**asked, "tools": '[{"name": "look"}]'}])
