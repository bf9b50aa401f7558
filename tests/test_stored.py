"""What an earlier version stored is opened and gone on with.

``stored/`` was written by the version before the packages were divided into sub-packages:
``factory run p_true --rows 2 --refresh 2026-01-01`` and ``factory export p_true``. ``stored/base``
is the policy of then.
"""

import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from assets import Factory
from assets.cli import app

STORED = Path(__file__).with_name("stored")
RECIPE, REFRESH = "p_true", "2026-01-01"


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Factory:
    """The shipped project on a copy of the root that an earlier version wrote."""
    shutil.copytree(STORED, tmp_path / "stored")
    monkeypatch.setenv("FACTORY_ROOT", str(tmp_path / "stored" / "root"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("FACTORY_ROLES__POLICY__MODEL", str(STORED / "base"))
    monkeypatch.delenv("FACTORY_CONFIG", raising=False)
    return Factory.open()


def test_a_refresh_pays_for_nothing_again_and_gives_the_same_tables(factory: Factory) -> None:
    stages = ["prompts", "responses", "p_true", "likelihood", "pairs"]
    before = {stage: factory.read(RECIPE, stage) for stage in stages}
    outcome = factory.refresh(RECIPE, refresh=REFRESH, rows=2)
    assert sum(account.get("model_calls", 0) for account in outcome.stages.values()) == 0
    assert sum(account.get("journal_hits", 0) for account in outcome.stages.values()) > 0
    for stage, table in before.items():
        assert_frame_equal(factory.read(RECIPE, stage), table)


def test_an_export_takes_the_place_of_the_earlier_one(factory: Factory, tmp_path: Path) -> None:
    folder = tmp_path / "stored" / "export"
    shard = next((folder / "data").glob("*.parquet"))
    before = pl.read_parquet(shard)
    done = CliRunner().invoke(app, ["export", RECIPE, str(folder)])
    assert done.exit_code == 0, done.output
    after = pl.read_parquet(shard)
    assert_frame_equal(after.select(before.columns), before)
    added = after.drop(before.columns)
    assert all(added[name].is_null().all() for name in added.columns), "columns of later versions"
