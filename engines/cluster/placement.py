"""What replicas take of a cluster's nodes, and how many fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engines.bindings import Binding


@dataclass(frozen=True)
class Node:
    """A node of a cluster.

    Attributes:
        id: its id in Ray.
        name: its host's name and address.
        resources: what it has in all, by Ray's names: ``CPU``, ``GPU`` and others.
    """

    id: str
    name: str
    resources: Mapping[str, float]


def demand(binding: Binding) -> dict[str, float]:
    """What one replica takes, by Ray's names."""
    taken = {"CPU": binding.cpus, "GPU": binding.gpus or 0.0, **binding.resources}
    return {name: number for name, number in taken.items() if number}


def described(demand: Mapping[str, float]) -> str:
    """A demand for people: ``1 CPU, 4 GPU``."""
    return ", ".join(f"{number:g} {name}" for name, number in demand.items()) or "nothing"


def can_hold(node: Node, binding: Binding) -> bool:
    """Whether the node has enough for one replica."""
    return all(node.resources.get(name, 0) >= taken for name, taken in demand(binding).items())


def fitting(pools: Sequence[Binding], nodes: Sequence[Node]) -> list[int]:
    """How many replicas of each binding fit on the nodes, all at once.

    Those that take most GPUs are placed first, each on the node that has the least left beside it.
    A replica is on one node.
    """
    left = [dict(node.resources) for node in nodes]
    fit = [0] * len(pools)
    for number in sorted(range(len(pools)), key=lambda number: -(pools[number].gpus or 0)):
        needed = demand(pools[number])
        for _ in range(pools[number].replicas or 0):
            room = [one for one in left if all(one.get(k, 0) >= v for k, v in needed.items())]
            if not room:
                break
            node = min(room, key=lambda one: (one.get("GPU", 0), one.get("CPU", 0)))
            for name, taken in needed.items():
                # Ray counts in ten-thousandths.
                node[name] = round(node[name] - taken, 4)
            fit[number] += 1
    return fit
