"""What docs/extending.md says works: its shape, format and engine are run as they stand there."""

import json
import re
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.config.errors import FactoryError, RecipeError, SettingsError
from assets.config.settings import load_settings
from assets.export.messages import plain
from assets.formats import format_of
from assets.importers.importer import import_dataset
from assets.project.recipe_plan import plan
from assets.project.role_check import check_roles
from engines.opening import open_engine
from generators import Sample
from schemas import Pairs, rows

DOCS = Path(__file__).parent.parent / "docs" / "extending.md"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project's folder with the page's modules and a configuration."""
    folder = tmp_path / "mine"
    folder.mkdir()
    page = DOCS.read_text()
    for name, text in re.findall(r"`mine/(\w+\.py)`:\n\n```python\n(.*?)```", page, re.DOTALL):
        (folder / name).write_text(text)
    roles = re.search(r"```yaml\n(roles:.*?)```", page, re.DOTALL)
    assert roles is not None
    (tmp_path / "factory.yaml").write_text(f"root: data\n{roles[1]}sources: {{pocket: 1}}\n")
    monkeypatch.setenv("FACTORY_CONFIG", str(tmp_path / "factory.yaml"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for module in [name for name in sys.modules if name.partition(".")[0] == "mine"]:
        del sys.modules[module]


def test_an_engine_of_ones_own_answers_and_is_journaled(mine: Path, stand: Any) -> None:
    asked: list[Any] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            text = f"answer {asked[-1]['seed']}"
            self.wfile.write(json.dumps({"text": text, "ended": True}).encode())

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        policy = load_settings().bindings()["policy"]
        url = f"http://127.0.0.1:{server.server_port}"
        roles = {"policy": policy.model_copy(update={"url": url})}
        context = stand.context(roles=roles, open_engine=open_engine)
        prompts = stand.prompts("2 + 2?", "2 + 3?")
        first = Sample(n=2).run({"prompts": prompts}, context).kept
        again = Sample(n=2).run({"prompts": prompts}, context).kept
        server.shutdown()
    assert_frame_equal(first, again)
    assert first["text"].str.starts_with("answer").all()
    # Each answer was paid for once.
    assert len(asked) == first.height == 4


def test_options_of_ones_own_engine_are_checked_with_the_configuration(mine: Path) -> None:
    file = mine / "factory.yaml"
    file.write_text(file.read_text().replace("timeout: 30", "timeout: 0"))
    with pytest.raises(SettingsError, match=r"roles\.policy.*options\.timeout.*more than 0"):
        load_settings()


def test_what_ones_own_engine_does_not_do_is_refused_with_the_recipe(mine: Path) -> None:
    stages = {
        "responses": {"use": "generators.Sample"},
        "scores": {"use": "annotators.Likelihood", "of": "responses", "model": "policy"},
    }
    message = (
        r"stage 'scores'.*Likelihood asks the role 'policy' to score, .*'mine\.engines\.Writer'"
    )
    roles = load_settings().defaults()
    planned = plan(stages, file="defs.yaml", roles=roles)
    with pytest.raises(RecipeError, match=message):
        check_roles(planned, roles, file="defs.yaml")


def test_a_shape_of_ones_own_is_imported(mine: Path) -> None:
    lines = [
        {"title": "2 + 2?", "answer": "4", "stars": 5},
        {"title": "2 + 3?", "answer": "5", "stars": 9},
    ]
    (mine / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
    imported = import_dataset(load_settings(), "mine.shapes.STARRED", str(mine / "rows.jsonl"))
    assert imported.kept["scores"] == 1
    assert imported.refused == {
        ("prompts", "'stars' must be 0 to 5, not 9"): ["rows.jsonl, line 2"]
    }
    scores = pl.read_parquet(str(imported.prompts.parent / "scores.parquet"))
    assert scores.select("annotator", "value").rows() == [("stars", 5.0)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine.shapes.STARED", "cannot import"),
        ("mine.shapes.starred", "is not a shape"),
        ("ultrafedback", "did you mean 'ultrafeedback'"),
    ],
)
def test_what_is_no_shape_is_refused(mine: Path, name: str, message: str) -> None:
    with pytest.raises(FactoryError, match=message):
        import_dataset(load_settings(), name, str(mine / "rows.jsonl"))


def test_a_shape_that_fails_names_the_row(mine: Path) -> None:
    (mine / "rows.jsonl").write_text(json.dumps({"title": "2 + 2?", "answer": "4"}))
    with pytest.raises(FactoryError, match=r"line 1: the shape mine\.shapes\.STARRED.*'stars'"):
        import_dataset(load_settings(), "mine.shapes.STARRED", str(mine / "rows.jsonl"))


def test_a_format_of_ones_own_converts_pairs(mine: Path) -> None:
    load_settings()
    name, preference = format_of([Pairs], "mine.formats.PREFERENCE")
    assert name == "mine.formats.PREFERENCE"
    asked = [{"role": "user", "content": "2 + 2?"}]
    sides = {
        side: [{"role": "assistant", "content": text}]
        for side, text in (("chosen", "two: 4"), ("rejected", "two: 5"))
    }
    about = {"prompt_id": "p", "chosen_id": "a", "rejected_id": "b", "weight": 1.0}
    pair = {"prompt": asked, **sides, **about}
    pairs = rows(Pairs, [{"pair_id": "1", **pair}, {"pair_id": "2", "shared_prefix": 5, **pair}])
    split = preference.converters[Pairs](plain(pairs))
    assert split.kept.to_dicts() == [
        {
            "input": {"messages": asked},
            "preferred_output": sides["chosen"],
            "non_preferred_output": sides["rejected"],
        }
    ]
    assert split.dropped["row_id"].to_list() == ["2"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("mine.formats.NONE", "cannot import"), ("mine.formats.preference", "is not a format")],
)
def test_what_is_no_format_is_refused(mine: Path, name: str, message: str) -> None:
    load_settings()
    with pytest.raises(FactoryError, match=message):
        format_of([Pairs], name)
