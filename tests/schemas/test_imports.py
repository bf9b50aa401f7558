"""Optional parts of libraries are left out for the time of an import only."""

import importlib.util
import sys

import pytest

from schemas.imports import without


def test_a_package_is_not_found_inside_and_found_after() -> None:
    sys.modules.pop("this", None)
    with without("this"), pytest.raises(ImportError):
        importlib.import_module("this")
    assert "this" not in sys.modules
    assert importlib.util.find_spec("this") is not None


def test_a_package_that_is_imported_already_is_left_alone() -> None:
    with without("json"):
        assert importlib.import_module("json") is sys.modules["json"] is not None
