"""The configuration: what the file says, what the environment overrides, what is refused."""

from pathlib import Path

import pytest

from assets.config.errors import SettingsError
from assets.config.settings import Settings, load_settings

FILE = """
root: data
roles:
  policy: {model: models/mine, dtype: float32}
  judge: {engine: openai, url: "http://localhost:1/v1", served_as: judge}
  other: {model: owner/name}
sources: {pocket: 1.0}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "factory.yaml"
    file.write_text(FILE)
    (tmp_path / "models/mine").mkdir(parents=True)
    monkeypatch.setenv("FACTORY_CONFIG", str(file))
    return file


def test_relative_paths_start_at_the_file_and_hub_ids_stay(config: Path) -> None:
    settings = load_settings()
    models = {role: binding.model for role, binding in settings.bindings().items()}
    assert models == {
        "policy": str(config.parent / "models/mine"),
        "judge": None,
        "other": "owner/name",
    }
    assert str(settings.root_path) == str(config.parent / "data")
    assert settings.journal_path == config.parent / "data/journal.sqlite"


def test_a_path_that_does_not_exist_is_still_a_path(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTORY_ROLES__POLICY__MODEL", "gone/down/there")
    assert load_settings().bindings()["policy"].model == str(config.parent / "gone/down/there")


def test_the_environment_overrides_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTORY_ROOT", "/elsewhere")
    monkeypatch.setenv("FACTORY_ROLES__POLICY__DTYPE", "bfloat16")
    monkeypatch.setenv("FACTORY_SOURCES__MINE", "2")
    settings = load_settings()
    assert str(settings.root_path) == "/elsewhere"
    assert settings.roles["policy"].dtype == "bfloat16"
    assert settings.roles["policy"].model == "models/mine"
    assert settings.sources == {"pocket": 1.0, "mine": 2.0}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (FILE.replace("dtype", "dtyp"), "field 'roles.policy.dtyp': unknown field; did you mean"),
        (FILE + "widow: 3\n", "field 'widow': unknown field; did you mean 'window'"),
        (
            FILE.replace("dtype: float32", "profile: bfloat16"),
            "'policy.profile': there is no profile 'bfloat16'",
        ),
        (
            FILE.replace("dtype: float32", "top_p: 0.9"),
            "'roles.policy.top_p': belongs under 'defaults'",
        ),
        (FILE.replace("sources: {pocket: 1.0}", ""), "field 'sources': is missing"),
        (FILE.replace("1.0", "0.0"), "field 'sources': weights must be 0 or more"),
        (FILE.replace('url: "http://localhost:1/v1", ', ""), "'openai' needs 'url'"),
        (FILE.replace("models/mine", "mine/model-Q4.gguf"), "serve it with llama.cpp or vLLM"),
        ("- a list", "factory.yaml"),
    ],
)
def test_what_is_wrong_is_named(config: Path, text: str, told: str) -> None:
    config.write_text(text)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert told in str(error.value)
    assert str(config) in str(error.value)


def test_a_missing_file_is_named(config: Path) -> None:
    config.unlink()
    with pytest.raises(SettingsError, match=r"there is no configuration file .*factory\.yaml"):
        load_settings()


def test_a_root_on_an_object_store_needs_local_places(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTORY_ROOT", "memory://bucket/factory")
    settings = load_settings()
    assert str(settings.root_path) == "memory://bucket/factory"
    with pytest.raises(SettingsError, match=r"field 'journal'.*set journal to a local path"):
        _ = settings.journal_path
    monkeypatch.setenv("FACTORY_JOURNAL", "kept/journal.sqlite")
    assert load_settings().journal_path == config.parent / "kept/journal.sqlite"


def test_the_shipped_configuration_binds_pocket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACTORY_CONFIG", raising=False)
    settings: Settings = load_settings()
    assert str(settings.bindings()["policy"].model).endswith("pocket/checkpoints/base")


def test_a_role_has_the_profile_that_it_names(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(
        FILE + "profiles: {short: {base: mine, max_tokens: 9}, mine: {base: pocket}}\n"
    )
    monkeypatch.setenv("FACTORY_ROLES__OTHER__PROFILE", "short")
    monkeypatch.setenv("FACTORY_ROLES__OTHER__DEFAULTS__REPLY_TOKENS", "3")
    settings = load_settings()
    defaults = settings.defaults()["other"]
    names = ("max_tokens", "reply_tokens", "steps")
    assert [default and default.value for default in map(defaults.get, names)] == [9, 3, "line"]
    other = settings.bindings()["other"]
    assert (other.dtype, other.sums_spellings) == ("float32", False)
    assert settings.bindings()["policy"].sums_spellings
