"""The connection of this process to a Ray cluster."""

import logging
import os
import socket
import threading
from concurrent.futures import Future
from typing import Any

from engines.cluster.settings import Cluster
from engines.protocol import EngineError, UnavailableError

_PATIENCE = 10.0
"""Seconds in which a cluster must answer."""
_LOCK = threading.Lock()
"""The first replicas connect at once, and a process connects once."""


def connected(cluster: Cluster) -> Any:
    """The module ``ray``, connected to ``cluster`` until the process ends.

    Raises:
        EngineError: Ray is not installed, or the cluster has another version of Ray or Python.
        UnavailableError: there is no such cluster now.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise EngineError(
            f"replicas run on Ray, which cannot be imported ({error}): "
            "pip install 'preference-factory[cluster]'"
        ) from error
    with _LOCK:
        if not ray.is_initialized():
            _require_answer(cluster.address)
            began: Future[None] = Future()
            threading.Thread(
                target=_connect, args=(ray, cluster, began), name="ray", daemon=True
            ).start()
            began.result()
    return ray


def _connect(ray: Any, cluster: Cluster, began: "Future[None]") -> None:
    """Connect, in a thread that stays until the process ends. Ray ends what it started on this
    machine when the thread that started it does. In the main thread it would also take SIGTERM
    away from the run."""
    # A cluster has the dashboard that it was started with.
    here = {"include_dashboard": False} if cluster.address is None else {}
    try:
        ray.init(
            address=cluster.address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **here,
        )
    except ConnectionError as error:
        began.set_exception(_absent(cluster.address, error))
    except Exception as error:
        where = "on this machine" if cluster.address is None else f"at {cluster.address}"
        began.set_exception(EngineError(f"Ray {where}: {error}"))
    else:
        began.set_result(None)
        threading.Event().wait()


def _require_answer(address: str | None) -> None:
    """Raise `UnavailableError` if nothing listens at an address, which Ray tries for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise _absent(address, error) from error


def _absent(address: str | None, error: Exception) -> UnavailableError:
    return UnavailableError(
        f"there is no Ray cluster at {address} ({error}): start it with 'ray start', or correct "
        "cluster.address in factory.yaml"
    )
