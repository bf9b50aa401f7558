"""What is said where there is no Ray, or no cluster. Needs no Ray."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from engines.cluster.connection import connected
from engines.cluster.settings import Cluster
from engines.protocol import EngineError, UnavailableError
from tests.checkout import PROJECT


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineError, match=r"pip install 'preference-factory\[cluster\]'"):
        connected(Cluster())


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
def test_a_cluster_that_does_not_answer_is_unavailable(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False))
    with pytest.raises(UnavailableError, match=f"there is no Ray cluster at {address}"):
        connected(Cluster(address=address))


def test_without_replicas_ray_is_not_imported() -> None:
    program = "import sys, assets.definitions, engines.model; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT).returncode == 0
