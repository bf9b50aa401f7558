"""What reads recipes, sources, datasets and settings."""

import os
import tempfile
from pathlib import Path
from random import Random
from unittest import mock

from assets.config.errors import find_cause
from assets.config.settings import load_settings
from assets.project.folders import read_folders
from assets.project.refusal import Refusal
from tests.fuzz.texts import damaged, mixed

EXPECTED = ()

_RECIPE = """type: assets.Recipe
attributes:
  name: mine
  paper: {title: "A paper", code: https://x.org}
  claim: "it {{ helps }}"
  control: null
  rows: 12
  sources: {pocket: 1.0}
  measure: {use: claims.PolicyGain, of: pairs, control: pairs}
  stages:
    responses: {use: generators.Sample, n: 8, temperature: 0.7}
    marks: {use: annotators.Judge, of: responses, template: judge}
    pairs: {use: filters.BestWorst, of: responses, by: marks}
"""
_SOURCE = """type: assets.Source
attributes:
  name: mine
  read: {use: generators.Files, path: x.jsonl, prompt: question, licence: mit}
  check: engines.checks.math
  rows: 10
  fixed: true
"""
_DATASET = """type: assets.Dataset
attributes: {name: mixed, of: {online_dpo: 2.0, cream/pairs: 1.0}, held_out: 0.05}
"""
_SETTINGS = """root: data
roles:
  policy: {model: a/b, dtype: float32, options: {batch_size: 4}}
  judge: {engine: openai, url: "http://localhost:1/v1", served_as: m, api_key_env: A_KEY}
sources: {pocket: 1.0}
retries: {times: 3, seconds: 30}
alerts: {webhook_env: A_WEBHOOK}
owners: [me@example.org]
"""
_FILES = (_RECIPE, _SOURCE, _DATASET)
_PIECES = (
    *(
        "os.system",
        "subprocess.run",
        "antigravity.x",
        "../../etc/passwd",
    ),
    *(
        "0",
        "-1",
        "1000000000000",
        ".inf",
        ".nan",
        "-.inf",
        "1e999",
        "true",
        "null",
        "~",
        "''",
        "=",
        "0x",
    ),
    *("[]", "{}", "[a, b]", "{a: b}", "*a", "&a [*a]", "&a ", "!!python/name:os.system", "<<: *a"),
    *(
        "{{ env.HOME }}",
        "{{",
        "2020-13-45",
        "1:2:3",
        "? a",
        "\t",
        "\n",
        "  ",
        "- ",
        ": ",
        "#",
        "%",
        "---\n",
    ),
    *(
        "use: ",
        "name: ",
        "of: ",
        "n: ",
        "rows: ",
        "type: ",
        "stages:\n",
        "model: ",
        "a" * 300,
        "9" * 5_000,
    ),
    *("[" * 2_000, "{a: " * 2_000, "- " * 2_000, "\x1b[2J", "\0", "\u202e", "é", "\ufeff", "\r\n"),
)


def generated(random: Random) -> tuple[bool, str]:
    """Whether it is the settings, and the file's text: one that is sound with parts replaced, or
    pieces in any order."""
    settings = random.random() < 0.3
    text = _SETTINGS if settings else random.choice(_FILES)
    if random.random() < 0.2:
        text = mixed(random, _PIECES)
    for _ in range(random.randint(0, 4)):
        words = text.split(" ")
        words[random.randrange(len(words))] = random.choice(_PIECES)
        text = " ".join(words)
    return settings, damaged(random, text) if random.random() < 0.3 else text


def run(one: tuple[bool, str]) -> None:
    """It loads, or is refused in the user's terms with the file's name."""
    settings, text = one
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ):
        root = Path(folder)
        config = root / "factory.yaml"
        file = root / "recipes/tests/mine/defs.yaml"
        file.parent.mkdir(parents=True)
        os.environ["FACTORY_CONFIG"] = str(config)
        config.write_text(_SETTINGS)
        written = config if settings else file
        written.write_bytes(text.encode("utf-8", "surrogatepass"))
        told = _refusal(root / "recipes", settings)
    assert told is None or str(written) in told, told


def _refusal(folder: Path, settings: bool) -> str | None:
    """What a user is told, if anything."""
    try:
        if settings:
            load_settings()
        else:
            for found in read_folders([folder]):
                if isinstance(found, Refusal):
                    return str(found.error)
    except Exception as error:
        told = find_cause(error)
        if told is None:
            raise
        return str(told)
    return None


# What recipes name is imported once, which takes longer than an input may.
for _text in _FILES:
    run((False, _text))
