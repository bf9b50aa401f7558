"""What docs/extending.md says works: its shape, format and engine are run as they stand there."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from assets.errors import FactoryError
from assets.importing import import_dataset
from assets.settings import load_settings

DOCS = Path(__file__).parent.parent / "docs" / "extending.md"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of one's own with the page's modules, on Python's path, and a configuration."""
    folder = tmp_path / "mine"
    folder.mkdir()
    page = DOCS.read_text()
    for name, text in re.findall(r"`mine/(\w+\.py)`:\n\n```python\n(.*?)```", page, re.DOTALL):
        (folder / name).write_text(text)
    (tmp_path / "factory.yaml").write_text("root: data\nroles: {}\nsources: {pocket: 1}\n")
    monkeypatch.setenv("FACTORY_CONFIG", str(tmp_path / "factory.yaml"))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for module in [name for name in sys.modules if name.partition(".")[0] == "mine"]:
        del sys.modules[module]


def test_a_shape_of_ones_own_is_imported(mine: Path) -> None:
    rows = [
        {"title": "2 + 2?", "answer": "4", "stars": 5},
        {"title": "2 + 3?", "answer": "5", "stars": 9},
    ]
    (mine / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
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
