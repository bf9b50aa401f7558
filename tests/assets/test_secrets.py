"""A key that was typed where the name of a variable belongs is neither shown nor kept."""

import traceback
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from assets.cli import app
from assets.config.errors import SettingsError
from assets.config.settings import load_settings
from engines.bindings import Binding

KEYS = [
    "sk-proj-4f9aBcD3fGh1JkLmNoPqRsTuVwXyZ0123456789",
    "sk_live_4f9aBcD3fGh1JkLmNoPqRs",
    "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "0123456789abcdef0123456789abcdef",
    "ABCDEF0123456789ABCDEF0123456789",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x_y",
    "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXX",
    "correct horse battery staple",
    "hunter2",
    "Bearer abc",
]
JUDGE = {"engine": "openai", "url": "http://localhost:1/v1", "served_as": "judge"}


def configured(file: Path, key: str, where: str) -> None:
    said = {"roles": {"policy": {"model": "m"}, "judge": dict(JUDGE)}, "sources": {"pocket": 1.0}}
    if where == "api_key_env":
        said["roles"]["judge"]["api_key_env"] = key
    elif where == "webhook_env":
        said |= {"alerts": {"webhook_env": key}}
    file.write_text(yaml.safe_dump(said))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("where", ["api_key_env", "webhook_env", "environment"])
def test_a_key_is_refused_unshown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, key: str
) -> None:
    file = tmp_path / "factory.yaml"
    configured(file, key, where)
    monkeypatch.setenv("FACTORY_CONFIG", str(file))
    field = "roles.judge.api_key_env"
    if where == "webhook_env":
        field = "alerts.webhook_env"
    if where == "environment":
        monkeypatch.setenv("FACTORY_ROLES__JUDGE__API_KEY_ENV", key)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    shown = "".join(traceback.format_exception(caught.value))
    assert f"{file}: field {field!r}" in shown
    assert key not in shown


def test_no_command_shows_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "factory.yaml"
    configured(file, KEYS[0], "api_key_env")
    monkeypatch.setenv("FACTORY_CONFIG", str(file))
    for command in (["recipes"], ["run", "online_dpo"]):
        told = CliRunner().invoke(app, command)
        assert told.exit_code != 0
        assert KEYS[0] not in told.output
        assert "api_key_env" in told.output


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "KEY", "_TOKEN", "MY_KEY_2", "JUDGE_KEY"])
def test_the_name_of_a_variable_is_taken(name: str) -> None:
    assert Binding(**JUDGE, api_key_env=name).api_key_env == name


def test_a_variable_that_is_set_may_be_called_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("my_key", "sk-secret")
    assert Binding(**JUDGE, api_key_env="my_key").api_key_env == "my_key"
