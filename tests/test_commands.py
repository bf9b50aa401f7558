"""Every `factory` command of the README and the docs, as it stands there: in a fresh copy of the
project, with PATH and HOME in the environment and nothing else. Each runs in a process of its own
that is forked from one which has imported what they need: that is most of the time of a command."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.checkout import PROJECT

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
ANSWERS = '{"reference": "5", "text": "It is 5"}\n'

CHANGED = {
    "run online_dpo --rows 512": "run online_dpo --rows 8",
    "run online_dpo --set responses.n=16": "run online_dpo --rows 4 --set responses.n=2",
    "run online_dpo --rounds 3": "run online_dpo --rounds 2 --rows 2",
    "plan online_dpo --rows 64": "plan online_dpo --rows 8 --sample 2",
    "claims cream tick": "claims p_true --rows 2",
    "claims online_dpo --world instructions": "claims p_true --world instructions --rows 2",
    "claims p_true --world instructions --rows 64": "claims p_true --world instructions --rows 2",
    "claims raft --world instructions": "claims p_true --world instructions --rows 3",
    "export online_dpo DIR": "export online_dpo out",
    "export models/demo DIR": "export models/demo out-model",
    "import ultrafeedback PATH": "import ultrafeedback {published}/ultrafeedback.jsonl",
    "recipes --docs docs": "recipes --docs there",
    "judge-bench judge weak": "judge-bench judge weak --on pocket --rows 8",
    "judge-bench judge --on processbench=PATH": (
        "judge-bench judge --on processbench={published}/processbench.jsonl"
    ),
}
"""Run at a smaller size, or with a place for a word in capitals."""

MISSING = {
    "compare online_dpo random_pairs": "factory run random_pairs",
    "show mcts_dpo/trees": "factory run mcts_dpo",
    "export self_rewarding DIR --format unpaired": "factory run self_rewarding",
    "gains raft": "raft has not run",
}
"""Need the run of a recipe that is not made here, and say so."""

LEFT_OUT = {
    "run": "a word for its command",
    "compare": "a word for its command",
    "show": "a word for its command",
    "plan": "a word for its command",
    "judge-bench": "a word for its command",
    "export": "a word for its command",
    "export models/NAME": "a word for a model",
    "init": "a word for its command",
    "import": "a word for its command",
    "run RECIPE --rows 2": "a word for a recipe",
    "run support": "a recipe of the page, which tests/test_rubrics.py runs",
    "report support": "a recipe of the page, which tests/test_rubrics.py runs",
    "show RECIPE": "a word for a recipe",
    "import FORMAT PATH|ID": "words for its arguments",
    "import helpsteer2 nvidia/HelpSteer2 --name ratings": "needs the Hub",
    "import helpsteer2-preference preference.jsonl.gz --name preferences": "a file of the Hub",
    "train": "a word for its command",
    "claims": "hours: every recipe and its control; one recipe is run here",
    "claims --docs docs": "hours, as above",
    "claims raft --seeds 3 --until-decided --hours 8": "hours (tests/assets/execution)",
    "run short_answers --rows 16": "needs a new project (tests/test_installed.py)",
    "train brief": "needs a new project, as above",
    "run online_dpo --rows 64": "the same as --rows 512, which is run here",
    "run random_pairs": "the same as online_dpo, which is run here",
    "run raft": "the same as online_dpo, which is run here",
    "review online_dpo": "waits for a person until Ctrl-C (tests/assets/review)",
    "review online_dpo --name ann": "waits for a person until Ctrl-C (tests/assets/review)",
    "export online_dpo hf://datasets/NAME/REPO": "needs the Hub (tests/assets/export/test_hub.py)",
    "export online_dpo hf://datasets/me/online-dpo": "needs the Hub",
    "export datasets/online_dpo hf://datasets/me/online-dpo": "needs the Hub",
    "ablate": "a word for its command",
    "ablate models/demo --by size": "minutes: ten trainings (tests/assets/models/ablation)",
    "export datasets/NAME hf://…": "needs the Hub",
    "cluster": "needs Ray (tests/assets/test_replicas.py)",
    "cluster online_dpo": "needs Ray, as above",
    "export RECIPE s3://…": "needs an object store (tests/assets/test_object_store.py)",
}
"""Not run here, each for a reason."""

NOT_RUN = "(not run here)"
"""Stands on a page behind what takes root or a service."""

IN_ORDER = (
    "run online_dpo --rows 512",
    "run online_dpo --rounds 3",
    "export online_dpo DIR",
    "show datasets/online_dpo --version 2",
    "train demo",
)
"""What the others need comes first."""


def told() -> set[str]:
    """The commands, without the word ``factory`` and comments; not those that a page says are not
    run."""
    found = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = re.findall(r"`factory ([^`]*)`", text)
        lines += re.findall(r"^[$#] (?:\S*/)?factory (.*)$", text, flags=re.MULTILINE)
        found |= {re.sub(r"\s+#.*", "", line).strip() for line in lines if NOT_RUN not in line}
    return found


FORKED = """
import json, os, sys
from engines.weights import lighten_transformers
lighten_transformers()
import assets.definitions, assets.refresh, engines.local.engine
import trainers.dpo.loop, trainers.training.fit
from assets.cli import app

for line in sys.stdin:
    words, *files = json.loads(line)
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    for number, file in enumerate(files):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT), number)
    sys.stdin = open(0)
    sys.argv = ["factory", *words]
    app()
"""
"""Runs a command for each line it reads, and writes its exit status."""


@dataclass(frozen=True)
class Done:
    """What became of a command."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Clone:
    """A fresh copy of the project; nothing is installed in it but the commands."""

    folder: Path
    process: "subprocess.Popen[str]"

    def factory(self, command: str) -> Done:
        files = [self.folder.with_name(name) for name in ("stdin", "stdout", "stderr")]
        for file, text in zip(files, (ANSWERS, "", ""), strict=True):
            file.write_text(text)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps([command.split(), *map(str, files)]), file=self.process.stdin, flush=True)
        status = int(self.process.stdout.readline())
        return Done(status, *(file.read_text() for file in files[1:]))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    folder = tmp_path_factory.mktemp("clone") / "project"
    kept = [path.name for path in PROJECT.iterdir() if (path / "__init__.py").exists()]
    for name in [*kept, "recipes", "template", "benchmarks"]:
        shutil.copytree(PROJECT / name, folder / name)
    for file in PROJECT.glob("*.*"):
        if file.is_file():
            shutil.copy(file, folder)
    # Fewer problems to measure policies on: that is most of the time.
    few = yaml.safe_load((folder / "recipes/sources/held_out/defs.yaml").read_text())
    few["attributes"] |= {"name": "few", "rows": 2}
    (folder / "recipes/sources/few").mkdir()
    (folder / "recipes/sources/few/defs.yaml").write_text(yaml.safe_dump(few))
    # Few pairs, of which some are held out all the same.
    pairs = {"name": "online_dpo", "of": ["online_dpo"], "held_out": 0.3}
    (folder / "recipes/datasets/online_dpo").mkdir(parents=True)
    declared = yaml.safe_dump({"type": "assets.Dataset", "attributes": pairs})
    (folder / "recipes/datasets/online_dpo/defs.yaml").write_text(declared)
    # Of so few it is chance whether a model is held back.
    demo = folder / "recipes/models/demo/defs.yaml"
    model = yaml.safe_load(demo.read_text())
    model["attributes"]["gate"] = "none"
    demo.write_text(yaml.safe_dump(model))
    settings = yaml.safe_load((folder / "factory.yaml").read_text()) | {"held_out": "few"}
    (folder / "factory.yaml").write_text(yaml.safe_dump(settings))
    with subprocess.Popen(
        [sys.executable, "-c", FORKED],
        cwd=folder,
        env={name: os.environ[name] for name in ("PATH", "HOME")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Clone(folder, process)


def test_every_command_is_run_or_left_out_for_a_reason() -> None:
    known = {*CHANGED, *MISSING, *LEFT_OUT}
    assert known <= told(), "a command that no page names any more"


@pytest.mark.timeout(900)
def test_every_command_works_on_a_fresh_clone(clone: Clone) -> None:
    commands = [*IN_ORDER, *sorted(told() - {*IN_ORDER, *LEFT_OUT})]
    failed = []
    for command in commands:
        done = clone.factory(
            CHANGED.get(command, command)
            .replace("DIR", "out")
            .format(published=PROJECT / "tests" / "assets" / "importers" / "published")
        )
        wanted = MISSING.get(command)
        if done.returncode != (0 if wanted is None else 1) or (wanted or "") not in done.stderr:
            failed.append((command, done.returncode, done.stdout, done.stderr))
        assert "Traceback" not in done.stderr
        assert "DAGSTER_HOME" not in done.stderr
    assert failed == []
    assert (clone.folder / "data" / "journal.sqlite").exists()
