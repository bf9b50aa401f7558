"""The vLLM engine where vLLM is not installed."""

import sys
from pathlib import Path

import pytest

from engines.bindings import Binding
from engines.protocol import EngineError


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from engines.vllm import VLLMEngine

    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(EngineError, match=r"pip install 'preference-factory\[vllm\]'"):
        VLLMEngine(Binding(model=str(tmp_path), engine="vllm"))
