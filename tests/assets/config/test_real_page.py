"""The configuration on the page about real models is one that the factory loads."""

import re
from pathlib import Path

import pytest

from assets.config.settings import load_settings
from tests.checkout import PROJECT

PAGE = (PROJECT / "docs" / "real.md").read_text("utf-8")


def test_the_configuration_for_one_gpu_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "factory.yaml"
    file.write_text(next(block for block in blocks if block.startswith("root:")))
    monkeypatch.setenv("FACTORY_CONFIG", str(file))
    policy = load_settings().bindings()["policy"]
    assert policy.engine == "vllm"
    assert policy.defaults.lora is not None
