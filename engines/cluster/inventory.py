"""What a cluster has: its nodes, and the files that each of them sees."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.bindings import Binding
from engines.cluster.placement import Node
from engines.folder_files import weight_files
from engines.protocol import EngineError
from engines.weights import is_hub_id, model_folder

_PATIENCE = 120.0
"""Seconds in which a node must have looked."""
_OWN = ("memory", "object_store_memory")
"""Resources that Ray adds, besides those that begin with ``node:``."""


def nodes_of(ray: Any) -> list[Node]:
    """The nodes that are alive."""
    return [
        Node(
            each["NodeID"],
            f"{each['NodeManagerHostname']} ({each['NodeManagerAddress']})",
            {
                name: number
                for name, number in each["Resources"].items()
                if name not in _OWN and not name.startswith("node:")
            },
        )
        for each in ray.nodes()
        if each["Alive"]
    ]


def unlike_here(ray: Any, nodes: Sequence[Node], binding: Binding) -> dict[str, str]:
    """Why nodes do not have the same files of a model as this machine, by their names. Nodes that
    do are left out, and so are all nodes for a Hub model, whose files each node downloads.

    Raises:
        EngineError: this machine does not have the model.
    """
    if is_hub_id(binding):
        return {}
    here = sizes(binding)

    def wrong(there: dict[str, int]) -> str | None:
        differ = sorted({name for name, _ in there.items() ^ here.items()})
        return f"other files than here: {', '.join(differ)}" if differ else None

    return _asked(ray, nodes, sizes, binding, wrong)


def unseen(ray: Any, nodes: Sequence[Node], path: Path) -> dict[str, str]:
    """Why nodes do not see a file or folder of this machine, by their names."""

    def wrong(there: bool) -> str | None:
        return None if there else f"{path} is not there"

    return _asked(ray, nodes, Path.exists, path, wrong)


def sizes(binding: Binding) -> dict[str, int]:
    """The bytes of each file of the binding's model on this machine.

    Raises:
        EngineError: there is no such model.
    """
    folder = model_folder(binding)
    found = {str(path.relative_to(folder)): path.stat().st_size for path in weight_files(folder)}
    if not found:
        raise EngineError(f"there are no files of a model in {folder}")
    return found


def _asked(
    ray: Any,
    nodes: Sequence[Node],
    look: Callable[[Any], Any],
    at: Any,
    wrong: Callable[[Any], str | None],
) -> dict[str, str]:
    """What is wrong with what nodes see, or why they cannot look."""
    from ray import exceptions
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked: Mapping[str, Any] = {
        node.name: ray.remote(look)
        .options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)
        )
        .remote(at)
        for node in nodes
    }
    found: dict[str, str | None] = {}
    for name, reference in asked.items():
        try:
            found[name] = wrong(ray.get(reference, timeout=_PATIENCE))
        except exceptions.RayTaskError as error:
            found[name] = str(error.cause)
        except exceptions.RayError as error:
            found[name] = f"{type(error).__name__}: {error}"
    return {name: why for name, why in found.items() if why is not None}
