"""Opens the engine of a binding: in this process, or as replicas on a cluster."""

from engines.bindings import Binding, open_local
from engines.cluster.ray_actor import starting
from engines.cluster.replicas import Replicas
from engines.cluster.replicated import Replicated
from engines.cluster.settings import Cluster
from engines.protocol import Engine

_HERE = Cluster()


def open_engine(binding: Binding, *, cluster: Cluster = _HERE) -> Engine:
    """Open the binding's engine. Weights are loaded, and replicas started, at the first request.

    Args:
        binding: the binding.
        cluster: where its replicas run, if it has any; by default on this machine.

    Raises:
        EngineError: there is no such model or no such server.
    """
    engine = open_local(binding)
    if binding.replicas is None:
        return engine

    start = starting(binding, cluster)
    return Replicated(engine, Replicas(start, binding, engine.revision, timeout=cluster.timeout))
