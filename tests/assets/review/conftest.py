"""A recipe whose pairs can be reviewed."""

from typing import Any

import pytest

from tests.assets.reported import LONG, SCRIPT, write_pairs

NAME = "read_by_people"


@pytest.fixture
def reviewed(workshop: Any) -> Any:
    """A factory in which a recipe of the name `NAME` has made 20 pairs, every tenth labelled
    falsely; the first two answers hold a script and ten thousand characters."""
    write_pairs(workshop, NAME, 20, said=[SCRIPT, LONG])
    return workshop
