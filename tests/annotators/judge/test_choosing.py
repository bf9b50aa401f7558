"""How much of its probability a model puts on the options that it chooses among."""

import pytest

from annotators import Checklist, Judge, PTrue
from tests.annotators.scripted import Bench, ScriptedEngine

ANSWERS = {f"p{number}": ["one", "two"] for number in range(4)}


def say(prompt: str, *responses: str) -> str:
    return f"well, about {prompt}" if not responses[1:] else "A"


@pytest.mark.parametrize("mode", ["pointwise", "pairwise"])
def test_a_score_keeps_the_mass_of_its_options(bench: Bench, mode: str) -> None:
    split = Judge(mode=mode, probes="off").run(bench.tables(ANSWERS), bench.context(say))
    assert split.kept["mass"].to_list() == pytest.approx([0.75] * 8)
    report = split.report.choices
    assert report is not None
    assert report.median == pytest.approx(0.75)
    assert not report.low
    assert not report.examples


def test_if_it_is_low_the_models_own_first_words_are_shown(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedEngine, "mass", 0.02)
    split = Judge(probes="off").run(bench.tables(ANSWERS), bench.context(say))
    report = split.report.choices
    assert report is not None
    assert report.low
    assert (report.choices, report.below) == (8, 1.0)
    assert len(report.examples) == 3
    for example in report.examples:
        prompt = example.question.partition("|")[0]
        assert example.words == f"well, about {prompt}"
        assert example.mass == pytest.approx(0.02)
        assert example.options == ("1", "2", "3", "4", "5")


def test_probes_do_not_count(bench: Bench) -> None:
    tables = bench.tables(ANSWERS)
    report = Judge(probes="warn").run(tables, bench.context(say)).report.choices
    assert report is not None
    assert report.choices == 8


@pytest.mark.parametrize(
    "judge", [Judge(probes="off", low_mass="off"), Judge(probes="off", verdict="sampled")]
)
def test_nothing_is_checked_where_nothing_is_chosen_or_to_be_checked(
    bench: Bench, judge: Judge
) -> None:
    split = judge.run(bench.tables(ANSWERS), bench.context(say))
    assert split.report.choices is None
    assert not judge.checks_mass


def test_who_chooses() -> None:
    assert PTrue().checks_mass
    assert Checklist().checks_mass
    assert not Checklist(answers="sampled").checks_mass
    # YAML reads a bare off as false.
    assert PTrue.model_validate({"low_mass": False}).low_mass == "off"
