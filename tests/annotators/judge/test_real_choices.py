"""The shipped questions, asked of a real chat model: it answers with one of the options."""

from pathlib import Path

import pytest

from benchmarks.choice_mass import PROMPTS, QUESTIONS, answered, context_of, prompts
from engines.bindings import Binding
from tests.checkout import PROJECT

MODEL = PROJECT / "data" / "pretrained" / "smollm2-135m-instruct"


@pytest.mark.real
def test_over_half_of_the_probability_is_on_the_options(tmp_path: Path) -> None:
    if not MODEL.is_dir():
        pytest.skip("the real model is not prepared: run make real")
    context = context_of(Binding(model=str(MODEL), dtype="float32"), tmp_path)
    tables = answered(prompts(PROMPTS[:3]), context)
    for name, question in QUESTIONS.items():
        split = question.run(tables, context)
        assert split.kept["mass"].median() > 0.5, name
        assert split.report.choices is not None
        assert not split.report.choices.low
