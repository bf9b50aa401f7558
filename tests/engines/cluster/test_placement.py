"""How many replicas fit on a cluster's nodes."""

from engines.bindings import Binding
from engines.cluster.placement import Node, can_hold, demand, described, fitting


def replicas(count: int, gpus: float, **fields: object) -> Binding:
    options = {"tensor_parallel_size": int(gpus)} if gpus > 1 else {}
    return Binding.model_validate(
        {"model": "w", "engine": "vllm", "options": options, "replicas": count, "gpus": gpus}
        | fields
    )


def box(gpus: float, *, cpus: float = 64, **others: float) -> Node:
    return Node("id", "name", {"CPU": cpus, "GPU": gpus, **others})


def test_replicas_fill_the_nodes() -> None:
    assert fitting([replicas(10, 1)], [box(8)]) == [8]
    assert fitting([replicas(10, 1)], [box(8), box(8)]) == [10]
    assert fitting([replicas(10, 0)], [box(0, cpus=4)]) == [4]


def test_a_replica_is_on_one_node() -> None:
    assert fitting([replicas(1, 4)], [box(2), box(2)]) == [0]


def test_all_must_fit_at_once_and_large_ones_come_first() -> None:
    pools = [replicas(8, 1), replicas(2, 4)]
    assert fitting(pools, [box(8), box(8)]) == [8, 2]
    assert fitting(pools, [box(8)]) == [0, 2]
    # The small ones leave the whole node to the large one.
    assert fitting([replicas(2, 1), replicas(1, 8, cpus=1)], [box(8), box(2)]) == [2, 1]


def test_shares_of_a_gpu_add_up() -> None:
    assert fitting([replicas(20, 0.1)], [box(1)]) == [10]


def test_other_resources_count() -> None:
    pool = replicas(4, 1, resources={"fast": 0.5})
    assert fitting([pool], [box(8), box(8, fast=1)]) == [2]
    assert [can_hold(node, pool) for node in (box(8), box(8, fast=1))] == [False, True]


def test_what_one_takes_is_said() -> None:
    assert described(demand(replicas(1, 0.5, cpus=2))) == "2 CPU, 0.5 GPU"
    assert described(demand(replicas(1, 0, cpus=0))) == "nothing"
