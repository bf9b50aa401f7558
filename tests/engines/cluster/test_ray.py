"""Replicas on a Ray cluster of three nodes on this machine. Run by ``make test-cluster``."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engines.bindings import Binding, open_local
from engines.cluster.connection import connected
from engines.cluster.inventory import nodes_of, unlike_here, unseen
from engines.cluster.settings import Cluster
from engines.journal.statistics import statistics
from engines.opening import open_engine
from engines.protocol import EngineError
from tests.checkout import PROJECT
from tests.engines.cluster import noted_engine
from tests.engines.cluster.noted_engine import asked, replicas
from tests.engines.cluster.sampled import sampled

pytestmark = pytest.mark.cluster

POCKET = PROJECT / "pocket" / "checkpoints" / "base"
PLACED: dict[str, Any] = {"replicas": 2, "gpus": 0, "resources": {"engine": 1}}
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
    "OMP_NUM_THREADS": "1",
}


class Nodes:
    """A head, and nodes that each have room for one replica."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster as RayCluster

        self._small = {"num_cpus": 1, "object_store_memory": 80 << 20}
        self.ray = RayCluster(
            initialize_head=True, head_node_args={**self._small, "include_dashboard": False}
        )
        self.settings = Cluster(address=self.ray.address, timeout=60)

    def add(self) -> Any:
        return self.ray.add_node(**self._small, resources={"engine": 1})

    def replace(self, *, dead: bool) -> None:
        """Put a new node in place of one, or of each that was killed."""
        alive = [
            node
            for node in self.ray.worker_nodes
            if all(started.process.poll() is None for started in node.all_processes["raylet"])
        ]
        if dead:
            self.ray.worker_nodes = set(alive)
        else:
            self.ray.remove_node(alive[0])
        for _ in range(2 - len(self.ray.worker_nodes)):
            self.add()


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    import ray

    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        nodes = Nodes()
        nodes.add()
        nodes.add()
        yield nodes
        ray.shutdown()
        nodes.ray.shutdown()


@pytest.fixture
def noted(tmp_path: Path) -> Callable[..., Binding]:
    """A binding of the engine that notes what it is asked, in ``tmp_path``."""

    def noted(*, placed: bool = True, in_flight: int = 64, **options: Any) -> Binding:
        fields = {**PLACED, "in_flight": in_flight} if placed else {}
        given = {"folder": str(tmp_path), **options}
        return Binding(model="w", engine=noted_engine.NAME, options=given, **fields)

    return noted


def test_the_table_is_that_of_one_machine(
    nodes: Nodes, noted: Callable[..., Binding], tmp_path: Path
) -> None:
    there = sampled(noted(), tmp_path / "there", nodes.settings, count=2000)
    assert replicas(tmp_path)
    here = sampled(noted(placed=False), tmp_path / "here", nodes.settings, count=2000)
    assert_frame_equal(there.kept, here.kept)


def test_a_second_run_starts_no_replica(
    nodes: Nodes, noted: Callable[..., Binding], tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    sampled(noted(placed=False), here, nodes.settings, count=50)
    sampled(noted(), there, nodes.settings, count=50)
    later = tmp_path / "later"
    later.mkdir()
    # The keys are the same on one machine and on a cluster.
    sampled(noted(folder=str(later)), here, nodes.settings, count=50)
    sampled(noted(folder=str(later)), there, nodes.settings, count=50)
    sampled(noted(folder=str(later), placed=False), there, nodes.settings, count=50)
    assert not replicas(later)
    assert not asked(later)


def test_a_model_answers_as_on_one_machine(nodes: Nodes, tmp_path: Path) -> None:
    binding = Binding(model=str(POCKET), **PLACED)
    texts = [
        f"Tom has {a} apples. He gets {b} more apples. How many apples does Tom have?"
        for a in range(2, 7)
        for b in range(2, 12)
    ]
    there = sampled(binding, tmp_path / "there", nodes.settings, count=50, n=4, texts=texts)
    one = Binding(model=str(POCKET), device="cpu")
    here = sampled(one, tmp_path / "here", nodes.settings, count=50, n=4, texts=texts)
    assert there.kept.height == 200
    assert_frame_equal(there.kept, here.kept, abs_tol=1e-4)


def test_scores_choices_and_rewards_are_those_of_one_machine(
    nodes: Nodes, tiny_model: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    headed = tmp_path / "headed"
    made = AutoModelForSequenceClassification.from_pretrained(str(tiny_model), num_labels=1)
    made.save_pretrained(headed)
    AutoTokenizer.from_pretrained(str(tiny_model)).save_pretrained(headed)

    async def answers(model: Path, verbs: str, *, placed: bool) -> list[Any]:
        one = Binding(model=str(model), device="cpu")
        many = Binding(model=str(model), **{**PLACED, "replicas": 1})
        engine = open_engine(many, cluster=nodes.settings) if placed else open_local(one)
        prompt = engine.render([{"role": "user", "content": "Hello"}])
        try:
            if verbs == "reward":
                return list((await engine.reward(prompt, "Hello there")).values)
            scored = await engine.score(prompt, ["yes", "no"], end=[True, False])
            choice = await engine.choose(prompt, [["yes"], ["no"]])
            return [*(value for one in scored for value in one.logprobs), *choice.logprobs]
        finally:
            await engine.close()

    for model, verbs in ((tiny_model, "score"), (headed, "reward")):
        there = asyncio.run(answers(model, verbs, placed=True))
        here = asyncio.run(answers(model, verbs, placed=False))
        assert there == pytest.approx(here, abs=1e-4)


@pytest.mark.parametrize("node", [False, True], ids=["replica", "node"])
def test_nothing_is_lost_or_paid_twice_when_one_is_killed(
    node: bool, nodes: Nodes, noted: Callable[..., Binding], tmp_path: Path
) -> None:
    binding = noted(in_flight=16, die=100, kill_node=node, delay=0.01)
    there = sampled(binding, tmp_path / "there", nodes.settings, count=1000, window=64)
    if node:
        nodes.replace(dead=True)
    here = sampled(noted(placed=False), tmp_path / "here", nodes.settings, count=1000)
    assert (tmp_path / "died").exists()
    assert_frame_equal(there.kept, here.kept)
    assert statistics(tmp_path / "there" / "journal.sqlite").answers == 1000
    questions = pl.Series(asked(tmp_path))
    there_asked = len(questions) - 1000
    assert questions.n_unique() == 1000
    assert 1000 <= there_asked <= 1000 + 16


@pytest.mark.parametrize("deadly", ["kill", "end the engine"])
def test_a_call_that_kills_replicas_costs_its_row(
    deadly: str, nodes: Nodes, noted: Callable[..., Binding], tmp_path: Path
) -> None:
    texts = [deadly, *(f"question {number}" for number in range(40))]
    split = sampled(noted(in_flight=8), tmp_path, nodes.settings, count=41, texts=texts)
    assert split.kept.height == 40
    assert split.dropped.height == 1
    assert "3 replicas died with this request" in str(split.dropped.row(0))
    assert sum(question.startswith(deadly) for question in asked(tmp_path)) == 3


def test_what_nodes_do_not_see_is_told(nodes: Nodes, tiny_model: Path, tmp_path: Path) -> None:
    ray = connected(nodes.settings)
    found = nodes_of(ray)
    assert sorted(node.resources.get("engine", 0) for node in found) == [0, 1, 1]
    assert unlike_here(ray, found, Binding(model=str(tiny_model))) == {}
    assert unseen(ray, found, tmp_path) == {}
    assert set(unseen(ray, found, tmp_path / "absent")) == {node.name for node in found}


def test_a_signal_lets_replicas_answer_what_they_have(nodes: Nodes, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.engines.cluster.drained", str(tmp_path)]
    done = [
        subprocess.run(
            [*command, str(nodes.ray.address), "200"],
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
        )
        for _ in range(2)
    ]
    assert [one.returncode for one in done] == [3, 0], done[0].stderr + done[1].stderr
    assert "stopped by SIGTERM" in done[0].stderr
    # What replicas had at the signal was answered and journaled: nothing is asked twice.
    assert sorted(asked(tmp_path)) == sorted(set(asked(tmp_path)))
    assert len(asked(tmp_path)) == 200


def test_other_weights_on_a_node_are_refused(
    nodes: Nodes, noted: Callable[..., Binding], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(noted_engine.WEIGHTS, "2")
    nodes.replace(dead=False)
    monkeypatch.delenv(noted_engine.WEIGHTS)
    with pytest.raises(EngineError, match=r"w is another model on .*process \d+.*w@2.*w@1"):
        sampled(noted(delay=5), tmp_path, nodes.settings, count=20)
