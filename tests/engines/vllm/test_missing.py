"""The vLLM engine where vLLM is not installed."""

import asyncio
import sys
from pathlib import Path

import pytest

from engines.bindings import Binding
from engines.protocol import EngineError, Sampling


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    from engines.vllm.engine import VLLMEngine

    monkeypatch.setitem(sys.modules, "vllm", None)
    engine = VLLMEngine(Binding(model=str(tiny_model), engine="vllm", dtype="float32"))
    prompt = engine.render([{"role": "user", "content": "Hello"}])
    assert engine.prompt_tokens(prompt) > 0
    with pytest.raises(EngineError, match=r"pip install 'preference-factory\[vllm\]'"):
        asyncio.run(engine.generate(prompt, Sampling(), 0))
