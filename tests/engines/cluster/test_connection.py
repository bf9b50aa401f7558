"""What is said where there is no Ray, or no cluster. Needs no Ray."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from engines.cluster.connection import connected
from engines.cluster.settings import Cluster
from engines.protocol import EngineError, UnavailableError
from tests.checkout import PROJECT


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineError, match=r"pip install 'preference-factory\[cluster\]'"):
        connected(Cluster())


def test_a_cluster_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False))
    with pytest.raises(UnavailableError, match=r"there is no Ray cluster at 127\.0\.0\.1:1"):
        connected(Cluster(address="127.0.0.1:1"))


@pytest.mark.parametrize("address", ["ray://10.0.0.1:10001", "http://head:6379", "head", ""])
def test_what_is_no_address_of_a_cluster_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="must be auto, or HOST:PORT"):
        Cluster(address=address)


def test_without_replicas_ray_is_not_imported() -> None:
    program = "import sys, assets.definitions, engines.model; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT).returncode == 0
