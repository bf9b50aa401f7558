"""Right is 1, wrong is 0, and what cannot be told is an error with its reason."""

import polars as pl
import pytest

from annotators import Verifier
from engines.checks import UnknownCheckError
from engines.context import Context
from engines.protocol import EngineError
from schemas import Prompts, Responses, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}


@pytest.fixture
def context(tmp_path):
    return Context(
        recipe="r",
        stage="verified",
        refresh="1",
        roles={},
        journal=tmp_path / "journal.sqlite",
        models=tmp_path,
        checks={"gsm8k": "engines.checks.gsm8k"},
        progress=False,
    )


def tables(asked):
    """Prompts by id: their source, reference and the texts of their responses."""
    prompts = [
        {
            "prompt_id": name,
            "messages": [{"role": "user", "content": name}],
            "reference": reference,
            "source": source,
            "source_revision": "1",
            "licence": "MIT",
        }
        for name, (source, reference, _) in asked.items()
    ]
    responses = [
        {
            "response_id": f"{name}-{place}",
            "prompt_id": name,
            "text": text,
            "finish": "stop",
            "tokens": 1,
            "origin": ORIGIN,
        }
        for name, (_, _, texts) in asked.items()
        for place, text in enumerate(texts)
    ]
    return {"prompts": rows(Prompts, prompts), "responses": rows(Responses, responses)}


def marks(split):
    return dict(split.kept.select("response_id", "value").rows())


def test_each_source_is_checked_by_its_own_check(context):
    asked = tables(
        {
            "p": ("gsm8k", "work\n#### 72", ["#### 72", "#### 73", "The answer is 72."]),
            "q": ("other", "\\frac{1}{2}", ["it is $0.5$", "it is $0.6$"]),
        }
    )
    split = Verifier(of="responses").run(asked, context)
    assert marks(split) == {"p-0": 1, "p-1": 0, "p-2": 0, "q-0": 1, "q-1": 0}
    assert split.kept["annotator"].unique().to_list() == ["verifier"]
    assert split.dropped.is_empty()


def test_a_reference_that_says_nothing_is_an_error_never_a_wrong_answer(context):
    asked = tables({"p": ("gsm8k", "see book", ["#### 72"]), "q": ("gsm8k", None, ["#### 72"])})
    split = Verifier(of="responses").run(asked, context)
    assert marks(split) == {"p-0": None, "q-0": None}
    first, second = split.kept["error"]
    assert first.startswith("reference unparseable: no number is found in the reference 'see book'")
    assert second == "reference unparseable: the prompt has no reference answer"


def test_a_check_that_hangs_is_an_error_and_the_others_are_checked(context, tmp_path, monkeypatch):
    (tmp_path / "hanging_check.py").write_text(
        "def check(messages, reference, text):\n"
        "    while text == 'hang': pass\n"
        "    return text == reference\n"
        "check.may_hang = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    asked = tables({"p": ("any", "a", ["hang", "a", "b"])})
    split = Verifier(of="responses", check="hanging_check.check").run(asked, context)
    assert marks(split) == {"p-0": None, "p-1": 1, "p-2": 0}
    error = split.kept.filter(pl.col("response_id") == "p-0")["error"].item()
    assert error == "check took longer than 5 s"


def test_an_unknown_check_is_refused_when_the_recipe_loads():
    with pytest.raises(ValueError, match=r"unknown check 'nowhere\.check'"):
        Verifier(of="responses", check="nowhere.check")
    assert issubclass(UnknownCheckError, ValueError)


def test_an_unknown_check_of_a_source_stops_the_stage_before_any_row(context):
    context.checks["gsm8k"] = "nowhere.check"
    asked = tables({"p": ("gsm8k", "72", ["#### 72"])})
    with pytest.raises(EngineError, match=r"r/verified: source 'gsm8k'.*nowhere\.check"):
        Verifier(of="responses").run(asked, context)
