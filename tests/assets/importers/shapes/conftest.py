from collections.abc import Callable, Mapping
from typing import Any

import pytest

from assets.importers.shapes import SHAPES, Sample


@pytest.fixture
def read() -> Callable[..., Sample]:
    """What a row of a shape says."""

    def sample(shape: str, row: Mapping[str, Any], **columns: str) -> Sample:
        return SHAPES[shape].sample(row, columns)

    return sample
