"""What is wrong in a recipe, source, dataset or in the settings is told by file and field."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.config.errors import SettingsError
from assets.config.settings import load_settings
from assets.project.folders import read_folders
from assets.project.recipe import RecipeSpec
from assets.project.refusal import Refusal

STAGES: dict[str, Any] = {
    "responses": {"use": "generators.Sample", "n": 2},
    "pairs": {"use": "filters.RandomPairs", "of": "responses"},
}
RECIPE = {"name": "mine", "paper": {"title": "A paper"}, "claim": "It helps", "stages": STAGES}
SOURCE = {"name": "mine", "read": {"use": "pocket.Problems"}, "check": "pocket.check"}
DATASET = {"name": "mixed", "of": ["online_dpo"]}
LONG = "n" * 300
KEY = "sk-proj-0123456789abcdefABCDEF"


def recipe(**changes: Any) -> str:
    return declared("assets.Recipe", RECIPE | changes)


def staged(**changes: Any) -> str:
    """The recipe with ``changes`` in its stage ``responses``."""
    return recipe(stages=STAGES | {"responses": STAGES["responses"] | changes})


def source(**changes: Any) -> str:
    return declared("assets.Source", SOURCE | changes)


def dataset(**changes: Any) -> str:
    return declared("assets.Dataset", DATASET | changes)


def declared(kind: Any, attributes: Any) -> str:
    return yaml.safe_dump({"type": kind, "attributes": attributes}, sort_keys=False)


def without(field: str, **changes: Any) -> str:
    rest = {key: said for key, said in RECIPE.items() if key != field}
    return declared("assets.Recipe", rest | changes)


RECIPES: list[tuple[str, str, str]] = [
    # What the file holds, the field that is named (or ""), and a part of what is told.
    (recipe(clam="x"), "clam", "did you mean 'claim'"),
    (recipe(rows=0), "rows", "must be 1 or more; it is 0"),
    (recipe(rows=-1), "rows", "1 or more; it is -1"),
    (recipe(rows=10**12), "rows", "more than 1,000,000,000"),
    (recipe(rows=1e12), "rows", "more than"),
    (recipe(rows=True), "rows", "true or false"),
    (recipe(rows="many"), "rows", "must be a whole number, such as 4; it is 'many'"),
    (recipe(rows=float("inf")), "rows", "not a finite number"),
    (recipe(rows=[5]), "rows", "a whole number, such as 4; it is a list"),
    (recipe(rounds=0), "rounds", "1 or more"),
    (recipe(seed=-1), "seed", "0 or more"),
    (recipe(seed=2**63), "seed", "less"),
    (recipe(gate="nice"), "gate", "must be one of 'no_worse', 'none'; it is 'nice'"),
    (recipe(name=LONG), "name", "100"),
    (recipe(name="../other"), "name", "letters, digits and _"),
    (recipe(name="a b"), "name", "letters"),
    (recipe(name=7), "name", "must be text; it is 7 without quotes"),
    (recipe(name=""), "name", "letters"),
    (recipe(name="prompts"), "name", "taken"),
    (recipe(name="datasets"), "name", "taken"),
    (without("claim", control="random_pairs"), "control", "say as claim: what control is for"),
    (without("stages"), "stages", "missing"),
    (recipe(claim=["a"]), "claim", "must be text; it is a list"),
    (recipe(paper="CREAM"), "paper", "must be a mapping"),
    (recipe(paper={"title": "x", "url": "y"}), "paper.url", "no such parameter"),
    (recipe(stages=[STAGES]), "stages", "must be a mapping"),
    (recipe(stages={}), "stages", "at least one stage"),
    (recipe(stages={"a b": {}}), "", "stage 'a b': a name is letters"),
    (recipe(stages={LONG: {}}), "stages", "more than 100 characters"),
    (recipe(stages={"a": ["generators.Sample"]}), "", "stage 'a': a stage is a mapping"),
    (recipe(stages={"a": None}), "", "stage 'a': a stage is a mapping"),
    (recipe(stages={"a": {"n": 2}}), "use", "'use' is missing"),
    (recipe(stages={1: {"use": "generators.Sample"}}), "stages", "1 is not a name"),
    (recipe(stages={"prompts": STAGES["responses"]}), "", "this name is taken"),
    (staged(use="os.system", command="touch here"), "use", "Python itself"),
    (staged(use="schemas.Prompts"), "use", "is not an operator"),
    (staged(use=["generators.Sample"]), "use", "is no import path"),
    (staged(use=None), "use", "is no import path"),
    (staged(m=2), "m", "no such parameter"),
    (staged(n=0), "n", "must be 1 or more; it is 0"),
    (staged(n=True), "n", "true or false"),
    (staged(n=10**12), "stages.responses.n", "more than"),
    (staged(temperature=float("nan")), "stages.responses.temperature", "not a finite number"),
    (staged(temperature={"a": 1}), "temperature", "number"),
    (staged(model=7), "model", "text"),
    (staged(model="polcy"), "model", "did you mean 'policy'"),
    (staged(model="policy@yesterday"), "model", "no role"),
    (staged(of="respones"), "of", "did you mean"),
    (staged(of="pairs"), "of", "wait for each other"),
    (
        recipe(stages=STAGES | {"a": {"use": "annotators.Judge", "of": "responses"}
                                | {"template": "../../../etc/passwd"}}),
        "template",
        "no name of a file inside",
    ),
    (
        recipe(stages={"a": {"use": "generators.ImportedResponses", "dataset": "../../etc"}}),
        "dataset",
        "no name of a file inside",
    ),
    (recipe(measure={"use": "subprocess.run", "args": "id"}), "measure.use", "Python itself"),
    (recipe(measure={"use": "filters.RandomPairs"}), "measure.use", "is not a measure"),
    (recipe(measure=["claims.Gain"]), "measure", "must be a mapping"),
    (recipe(sources={"pocket": float("inf")}), "sources.pocket", "not a finite number"),
    (recipe(sources={"pocket": -1}), "sources.pocket", "0 or more"),
    (recipe(sources={"pocket": 0}), "sources", "no source has a weight above 0"),
    (recipe(sources=["pocket"]), "sources", "must be a mapping"),
    (recipe(control=7), "control", "text"),
    (source(read={"use": "os.system", "command": "id"}), "read.use", "Python itself"),
    (source(read={"use": "subprocess.Popen", "args": "id"}), "read.use", "Python itself"),
    (source(read={"use": "pocket.check"}), "read.use", "is no class"),
    (source(read={"use": "polars.DataFrame"}), "read.use", "no method 'prompts'"),
    (source(read="pocket.Problems"), "read", "must be a mapping"),
    (source(read={}), "read", "'use' is missing"),
    (source(read={"use": "generators.Files"}), "read.licence", "missing"),
    (source(check="os.system"), "check", "Python itself"),
    (source(check="pocket.Problems"), "check", "not a function of"),
    (source(check=["engines.checks.math"]), "check", "text"),
    (source(fixed="yes please"), "fixed", "must be true or false; it is a text of 10"),
    (source(rows=0), "rows", "1 or more"),
    (dataset(of=7), "of", "must be a list or a mapping; it is 7"),
    (dataset(held_out=1), "held_out", "less than 1"),
    (dataset(held_out=float("nan")), "held_out", "not a finite number"),
    (dataset(cap=[1]), "cap", "must be a mapping"),
    (declared("assets.Dataset", DATASET | {0.05: 1}), "attributes", "0.05 is not a name"),
    (dataset(nme="x"), "nme", "did you mean 'name'"),
    (declared("assets.Recipe", [RECIPE]), "attributes", "must be a mapping"),
    (declared("assets.Recipe", None), "attributes", "must be a mapping"),
    (declared("assets.Recpe", RECIPE), "type", "must be one of"),
    (declared("os.system", RECIPE), "type", "must be one of"),
    (declared("antigravity.Component", RECIPE), "type", "must be one of"),
    (declared("dagster.PythonScriptComponent", RECIPE), "type", "must be one of"),
    (declared(None, RECIPE), "type", "must be one of"),
    ("", "", "is empty"),
    ("# nothing here\n", "", "is empty"),
    (recipe(sources={"pocket": True}), "sources", "true or false"),
    (recipe(claim=""), "claim", "must not be empty"),
    (recipe(paper={"title": ""}), "paper.title", "must not be empty"),
    (recipe(paper={"title": "A paper", "cod": "x"}), "paper.cod", "did you mean 'code'"),
    (recipe(claim=f"{KEY} helps"), "claim", "looks like a key"),
    (recipe(paper={"title": "A paper", "code": f"https://me:{KEY}@host/x"}), "paper.code", "a key"),
    (recipe(**{KEY: 1}), "attributes", "looks like a key"),
    (source(read={"use": "generators.Files", "path": f"https://{KEY}@host/x"}), "read.path", "key"),
    (dataset(of={"online_dpo": True}), "of", "true or false"),
    (dataset(held_out=True), "held_out", "true or false"),
    (dataset(of="online_dpo"), "of", "a list or a mapping"),
    (recipe() + "  <<: {rows: 4}\n  <<: {rows: 5}\n", "<<", "twice"),
    ("- a\n- list\n", "", "must be a mapping"),
    ("just words\n", "", "must be a mapping"),
    (recipe() + "template_vars_module: .vars\n", "template_vars_module", "no such field"),
    (recipe() + "attribute: {}\n", "attribute", "did you mean 'attributes'"),
    (recipe().replace("  rows", "  name: again\n  rows") + "  name: again\n", "name", "twice"),
    (recipe() + "    pairs: {use: filters.RandomPairs}\n", "stages.pairs", "twice"),
    ("type: assets.Recipe\ntype: assets.Source\n", "type", "twice"),
    ("type: [assets.Recipe\n", "", "line 2"),
    ("type: !!python/name:os.system\n", "", "tag"),
    ("a: *b\n", "", "has no anchor"),
    ("a: &a [*a]\n", "", "has no anchor"),
    ("type: \x00\n", "", "not YAML"),
    ("[" * 100_000, "", "levels deep"),
    ("- " * 100_000, "", "levels deep"),
    ("rows: " + "9" * 5000, "rows", "300 digits"),
    ("rows: " + "1:" * 400_000 + "1", "rows", "300 digits"),
    ("x: &a [" + "1," * 99 + "]\n" + "".join(
        f"x{n}: &{b} [{','.join([f'*{a}'] * 99)}]\n" for n, (a, b) in enumerate(
            zip("abcdefg", "bcdefgh", strict=True))), "", "more than 20,000 values"),
    ("# " + "x" * 1_000_000, "", "more than 1,000,000 bytes"),
    ("---\n" * 1000, "", "documents"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "field", "told"), RECIPES)
def test_what_is_wrong_in_a_component_is_told_by_file_and_field(
    workshop: Any, text: str, field: str, told: str
) -> None:
    folder = workshop.folder / "recipes/tests/mine"
    folder.mkdir(parents=True)
    (folder / "defs.yaml").write_text(text)
    first = next(
        each
        for each in read_folders([workshop.folder / "recipes"])
        if isinstance(each, Refusal) or each.file == folder / "defs.yaml"
    )
    assert KEY not in first.name
    assert isinstance(first, (Refusal, RecipeSpec))
    said = str(first.error if isinstance(first, Refusal) else first.refusal(load_settings()))
    assert said.startswith(str(folder / "defs.yaml"))
    assert KEY not in said
    assert told in said
    if field:
        assert f"field '{field}" in said


SETTINGS = """
root: data
roles:
  policy: {model: models/mine}
  judge: {engine: openai, url: "http://localhost:1/v1", served_as: judge}
sources: {pocket: 1.0}
"""
SETTINGS_CASES: list[tuple[str, str, str]] = [
    ("", "", "is empty"),
    ("- a list", "", "not a mapping"),
    (SETTINGS + "widow: 3\n", "widow", "did you mean 'window'"),
    (SETTINGS + "window: 0\n", "window", "or more"),
    (SETTINGS + "window: 1000000000000\n", "window", "less"),
    (SETTINGS + "window: true\n", "window", "true or false"),
    (SETTINGS + "window: [1]\n", "window", "a whole number"),
    (SETTINGS + "failure_limit: .nan\n", "failure_limit", "not a finite number"),
    (SETTINGS + "failure_limit: 2\n", "failure_limit", "less"),
    (SETTINGS + "retries: {seconds: .inf}\n", "retries.seconds", "not a finite number"),
    (SETTINGS + "retries: {times: 1000000000000}\n", "retries.times", "less"),
    (SETTINGS + "retries: [1]\n", "retries", "must be a mapping"),
    (SETTINGS + "root: elsewhere\n", "root", "twice"),
    (SETTINGS + "root: [a]\n".replace("root", "models"), "models", "must be text"),
    (SETTINGS.replace("judge:", "policy:"), "roles.policy", "twice"),
    (SETTINGS.replace("policy:", f"{LONG}:"), "roles", "more than 100 characters"),
    (SETTINGS.replace("1.0", ".inf"), "sources.pocket", "not a finite number"),
    (SETTINGS.replace("1.0", "-1"), "sources", "0 or more"),
    (SETTINGS.replace("1.0", "true"), "sources", "true or false"),
    (SETTINGS.replace("{pocket: 1.0}", "[pocket]"), "sources", "must be a mapping"),
    (SETTINGS.replace("{pocket: 1.0}", "{}"), "sources", "must not be empty"),
    (SETTINGS.replace("{model: models/mine}", "models/mine"), "roles.policy", "must be a mapping"),
    (SETTINGS.replace("engine: openai", "engine: os.system"), "roles.judge.engine", "of Python"),
    (SETTINGS.replace("mine}", "mine, profile: chatt}"), "roles", "did you mean 'chat'"),
    (
        SETTINGS.replace("mine}", "mine, defaults: {max_tokn: 1}}"),
        "roles.policy.defaults.max_tokn",
        "did you mean 'max_tokens'",
    ),
    (
        SETTINGS.replace("mine}", "mine, defaults: {learning_rate: {dop: 1}}}"),
        "roles.policy.defaults.learning_rate.dop",
        "did you mean 'dpo'",
    ),
    (SETTINGS + "profiles: {my: {top_k: -1}}\n", "profiles.my.top_k", "or more"),
    (SETTINGS + "profiles: {my: {bse: chat}}\n", "profiles.my.bse", "did you mean 'base'"),
    (SETTINGS + "profiles: {my: {base: chatt}}\n", "profiles", "did you mean 'chat'"),
    (SETTINGS + "profiles: {chat: {top_k: 1}}\n", "profiles", "choose another name"),
    (SETTINGS + "profiles: {a: {base: b}, b: {base: a}}\n", "profiles", "based on each other"),
    (SETTINGS.replace("model: models/mine", "modl: x"), "roles.policy.modl", "did you mean"),
    (SETTINGS.replace("served_as", "concurrency: 0, served_as"), "roles.judge.concurrency", "1 "),
    (SETTINGS + "owners: [me]\n", "owners", "team:me"),
    (SETTINGS.replace("root: data", 'root: ""'), "root", "must not be empty"),
    (SETTINGS.replace("root: data", f"root: s3://me:{KEY}@host/b"), "root", "looks like a key"),
    (SETTINGS.replace("root: data", "root: factory.yaml/data"), "root", "is not a folder"),
    (SETTINGS + f"owners: [{KEY}]\n", "owners", "looks like a key"),
    (SETTINGS + f"alerts: {{webhook: {KEY}}}\n", "alerts.webhook", "looks like a key"),
    (SETTINGS.replace("model: models/mine", f"model: m, {KEY}: 1"), "roles.policy", "like a key"),
    (SETTINGS.replace("model: models/mine", "model: s3://b/m"), "roles.policy.model", "Hub id"),
    (SETTINGS.replace("model: models/mine", f"model: {KEY}"), "roles.policy.model", "like a key"),
    (SETTINGS.replace("policy:", '"a/b":'), "roles.a/b", "letters"),
    (SETTINGS.replace("policy:", '"policy@initial":'), "roles.policy@initial", "letters"),
    (SETTINGS.replace("http://localhost:1/v1", "file:///x"), "roles.judge.url", "an address"),
    (SETTINGS.replace("http://", "http://me:pass@"), "roles.judge.url", "a password"),
    (SETTINGS.replace("/v1", "/v1?api_key=abc"), "roles.judge.url", "looks like a key"),
    (SETTINGS.replace("/v1", "/v1?version=1"), "roles.judge.url", "query"),
    (SETTINGS.replace("served_as", f"options: {{body: {{k: {KEY}}}}}, served_as"),
     "roles.judge.options.body.k", "looks like a key"),
    (SETTINGS + "a: [b\n", "", "line"),
    (SETTINGS + "a: " + "[" * 100_000, "a", "levels deep"),
]  # fmt: skip


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "factory.yaml"
    monkeypatch.setenv("FACTORY_CONFIG", str(file))
    return file


@pytest.mark.parametrize(("text", "field", "told"), SETTINGS_CASES)
def test_what_is_wrong_in_the_settings_is_told_by_file_and_field(
    config: Path, text: str, field: str, told: str
) -> None:
    config.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(config) in str(caught.value)
    assert KEY not in str(caught.value)
    assert told in str(caught.value)
    assert f"field '{field}" in str(caught.value) or not field


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("FACTORY_WINDWO", "5", "did you mean 'FACTORY_WINDOW'"),
        ("FACTORY_ROLE__POLICY__MODEL", "x", "did you mean 'FACTORY_ROLES'"),
        ("factory_windwo", "5", "did you mean 'FACTORY_WINDOW'"),
        ("FACTORY__ROOT", "x", "did you mean 'FACTORY_ROOT'"),
        ("FACTORY_WINDOW__X", "5", "no inner fields"),
        ("FACTORY_WINDOW", "many", "field 'window'"),
        ("FACTORY_ROLES", "[", "field 'roles'"),
        ("FACTORY_ROLES", '{"a":' * 100_000, "nested too deep"),
        ("FACTORY_ROLES__POLICY__MODLE", "x", "field 'roles.policy.modle'"),
        ("FACTORY_ROLES__JUDGE__OPTIONS__BODY__K", KEY, "looks like a key"),
        ("FACTORY_SOURCES__POCKET", "inf", "field 'sources'"),
        ("FACTORY_OWNERS", f'["{KEY}"]', "field 'owners'"),
        ("FACTORY_ROOT", "", "field 'root'"),
        ("FACTORY_ROOT", "factory.yaml", "is not a folder"),
    ],
)
def test_what_is_wrong_in_a_variable_is_told_by_its_name(
    config: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    config.write_text(SETTINGS)
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert told in str(caught.value)
    assert variable in str(caught.value)
    assert KEY not in str(caught.value)
