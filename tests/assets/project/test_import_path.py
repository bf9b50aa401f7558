"""Objects that YAML names by import path."""

from pathlib import Path

import pytest

from assets.project.import_path import built


@pytest.mark.parametrize("path", ["~ question, licence: mit", "~nobody-of-that-name/x.jsonl"])
def test_a_path_of_nobodys_home_is_a_name_beside_the_others(path: str, tmp_path: Path) -> None:
    spec = {"use": "generators.Files", "path": path, "prompt": "prompt", "licence": "mit"}
    read = built(spec, lambda _: None, file="defs.yaml", field="read", folder=tmp_path)
    assert read.path == str(tmp_path / path)
