"""What YAML names is looked at before anything of it is called."""

import sys
from pathlib import Path
from typing import Any

import pytest

from engines.checks import UnknownCheckError, load_check
from schemas import Operator, UnknownOperatorError, load_operator
from schemas.named import Fits, UnknownNameError, check_function, named, source_class, subclass_of

OPERATOR = subclass_of(Operator, "an operator")
EVERY = [OPERATOR, source_class, check_function]


@pytest.mark.parametrize("fits", EVERY)
@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "subprocess.run",
        "subprocess.Popen",
        "builtins.exec",
        "builtins.print",
        "pathlib.Path",
        "shutil.rmtree",
        "sys.exit",
        "importlib.import_module",
        "antigravity.webbrowser",
        "this.s",
        "pip.__main__._main",
        "numpy.loadtxt",
        "polars.read_csv",
        "schemas.Prompts",
        "schemas.operator.sys",
        "schemas.named.importlib",
        "engines.checks",
        "engines",
        "engines.checks.nothing",
        "nowhere.at_all",
        "",
        ".",
        ".system",
        "os.",
        "..os.system",
        "os.system()",
        "a b.c",
        "../os.system",
        "x." * 2000 + "y",
        None,
        3,
        ["os", "system"],
        {"os": "system"},
    ],
)
def test_only_what_is_of_the_kind_is_found(fits: Fits, path: Any) -> None:
    with pytest.raises(UnknownNameError):
        named(path, fits)


def test_what_fits_is_found() -> None:
    assert named("filters.RandomPairs", OPERATOR).__name__ == "RandomPairs"
    assert named("pocket.Problems", source_class).__name__ == "Problems"
    assert named("engines.checks.math", check_function).__name__ == "math"


@pytest.mark.parametrize("path", ["schemas.Operator", "filters.filter.Filter", "schemas.Takes"])
def test_what_operators_derive_from_is_no_operator(path: str) -> None:
    with pytest.raises(UnknownOperatorError, match="operator"):
        load_operator({"use": path})


def test_the_standard_library_is_not_imported() -> None:
    """Importing antigravity opens a browser."""
    sys.modules.pop("antigravity", None)
    for load in (load_check, lambda path: load_operator({"use": path})):
        with pytest.raises(ValueError, match="Python itself"):
            load("antigravity.webbrowser")
    assert "antigravity" not in sys.modules


def test_nothing_of_another_kind_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "somebody.py").write_text(
        "called = []\n"
        "def system(command='', **options): called.append(command)\n"
        "def almost(messages, reference): called.append('almost')\n"
        "class Runs:\n"
        "    def __init__(self, **options): called.append('made')\n"
        "    def __call__(self, messages, reference, text): called.append('asked')\n"
        "checker = Runs.__call__\n"
    )
    (tmp_path / "ends.py").write_text("raise SystemExit('bye')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for path in ("somebody.system", "somebody.almost", "somebody.Runs", "ends.system"):
        with pytest.raises(UnknownCheckError):
            load_check(path)
        with pytest.raises(UnknownOperatorError):
            load_operator({"use": path, "command": "touch x"})
        with pytest.raises(UnknownNameError):
            named(path, source_class)
    assert sys.modules["somebody"].called == []
