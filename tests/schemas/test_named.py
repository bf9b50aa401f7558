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


MISFITS = """
from annotators import Annotator
from filters import Filter
class Plain(Annotator):
    def score(self, prompt, responses, models): return []
class Yielding(Annotator):
    async def score(self, prompt, responses, models):
        yield None
class Few(Annotator):
    async def score(self, prompt, responses): return []
class More(Annotator):
    async def score(self, prompt, responses, models, *, times=1): return []
class Without(Annotator): pass
class Undeclared(Filter): pass
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Plain", r"'score' that is no coroutine \(.*misfits\.py, line 5\): write 'async def'"),
        ("Yielding", r"'score' that yields \(.*misfits\.py, line 7\)"),
        ("Few", r"line 10\) that does not take \(self, prompt, responses, models\)"),
        ("Without", "has no method 'score'"),
        ("Undeclared", "declares no 'gives'"),
    ],
)
def test_an_operator_that_cannot_be_called_as_one_is_told_what_is_wrong(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "misfits.py").write_text(MISFITS)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UnknownOperatorError, match=words):
        load_operator({"use": f"misfits.{name}"})
    assert named("misfits.More", OPERATOR).__name__ == "More"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("import numpyy", r"missing_in\.py, line 1 raises ModuleNotFoundError: No module .*numpyy"),
        ("x = 1\ny = 1 / 0", r"missing_in\.py, line 2 raises ZeroDivisionError: division by zero"),
        ("class X(", r"'\(' was never closed \(missing_in\.py, line 1\)"),
        (
            "from annotators import Annotator\nclass X(Annotator):\n    scale = 3",
            r"missing_in\.py, line 2 raises PydanticUserError: .*`scale = 3`[^\n]*$",
        ),
    ],
)
def test_a_module_that_raises_is_told_with_its_line(
    content: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "missing_in.py").write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UnknownOperatorError, match=words):
        load_operator({"use": "missing_in.X"})


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
