"""Where Dagster keeps runs, and what of it is written."""

from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.config.errors import FactoryError
from assets.execution.instance import home
from assets.execution.run_launcher import WatchedRunLauncher
from tests.checkout import PROJECT

URL = "postgresql+psycopg2://me:a-secret@127.0.0.1:5432/factory"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.delenv("DAGSTER_PG_URL", raising=False)
    return tmp_path / "dagster" / "dagster.yaml"


def test_a_folder_of_files_is_enough(place: Path) -> None:
    assert home() == place.parent
    assert yaml.safe_load(place.read_text()) == yaml.safe_load(
        (PROJECT / "dagster.yaml").read_text()
    )
    with dg.DagsterInstance.get() as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert isinstance(instance.run_launcher, WatchedRunLauncher)


def test_the_environment_says_postgresql_and_keeps_the_password(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dagster_postgres")
    home()
    monkeypatch.setenv("DAGSTER_PG_URL", URL)
    home()
    storage = yaml.safe_load(place.read_text())["storage"]
    assert storage == {"postgres": {"postgres_url": {"env": "DAGSTER_PG_URL"}}}
    assert "a-secret" not in place.read_text()
    monkeypatch.delenv("DAGSTER_PG_URL")
    home()
    assert "storage" not in yaml.safe_load(place.read_text())


def test_a_url_for_another_driver_is_refused_without_being_repeated(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dagster_postgres")
    monkeypatch.setenv("DAGSTER_PG_URL", "postgresql://me:a-secret@127.0.0.1/factory")
    with pytest.raises(FactoryError, match=r"postgresql\+psycopg2://USER") as refused:
        home()
    assert "a-secret" not in str(refused.value)
    assert not place.exists()


def test_a_file_of_the_users_own_is_left_as_it_is(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.parent.mkdir()
    place.write_text("telemetry: {enabled: false}\n")
    home()
    assert place.read_text() == "telemetry: {enabled: false}\n"
    pytest.importorskip("dagster_postgres")
    monkeypatch.setenv("DAGSTER_PG_URL", URL)
    with pytest.raises(FactoryError, match="is your own and keeps runs elsewhere"):
        home()
