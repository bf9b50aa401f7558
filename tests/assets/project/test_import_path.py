"""Objects that YAML names by import path."""

from pathlib import Path

import pytest

from assets.config.errors import RecipeError
from assets.project.import_path import built


@pytest.mark.parametrize("path", ["~ question, licence: mit", "~nobody-of-that-name/x.jsonl"])
def test_a_path_of_nobodys_home_is_a_name_beside_the_others(path: str, tmp_path: Path) -> None:
    spec = {"use": "generators.Files", "path": path, "prompt": "prompt", "licence": "mit"}
    read = built(spec, lambda _: None, file="defs.yaml", field="read", folder=tmp_path)
    assert read.path == str(tmp_path / path)


class Sums:
    """A source that is a plain class."""

    def __init__(self, limit: int = 100, *, first: int) -> None:
        self.limit = limit
        self.first = first


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        (
            {"limt": 3, "first": 1},
            r"'read\.limt': .*no such parameter; did you mean 'limit'",
        ),
        ({"limit": 3}, r"'read\.first': this parameter is missing"),
    ],
)
def test_a_plain_class_is_told_by_its_parameters(
    parameters: dict[str, int], told: str, tmp_path: Path
) -> None:
    spec = {"use": f"{__name__}.Sums", **parameters}
    with pytest.raises(RecipeError, match=told):
        built(spec, lambda _: None, file="defs.yaml", field="read", folder=tmp_path)
    spec = {"use": f"{__name__}.Sums", "first": 2}
    assert built(spec, lambda _: None, file="f", field="read", folder=tmp_path).first == 2
