"""What a judge is asked about all responses to a prompt, and the ranking that it should give."""

import re
from typing import Any

import pytest

from annotators import Criterion, ListwiseItems
from annotators.criteria.criterion import RubricOf
from schemas import Scores, Split, prompt_id, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
TEXTS = {"q": ["w", "xx", "yyy", "xx"], "r": ["one", "one"], "s": ["same", "thing"]}
TEMPLATE = "{{ prompt }}|{{ responses | join('|') }}{% if criteria %}|{{ criteria }}{% endif %}"


def asked(bench: Any, values: dict[str, dict[str, float]], **options: Any) -> Split:
    """Items of `TEXTS`, whose annotators gave ``values``."""
    tables = bench.tables(TEXTS)
    scores = [
        {"response_id": one, "annotator": name, "value": value, "origin": ORIGIN}
        for name, each in values.items()
        for one, value in each.items()
    ]
    tables["truth"] = rows(Scores, scores)
    tables["principles"] = RubricOf(
        criteria=(
            Criterion(name="long", text="The longer the better."),
            Criterion(name="size", text="Not too long.", negated=True),
        )
    ).rows()
    (bench.folder / "rank.jinja").write_text(TEMPLATE)
    operator = ListwiseItems(of="responses", truth="truth", template="rank", **options)
    split: Split = operator.run(tables, bench.context(lambda *_: ""))
    return split


def ranked(split: Split) -> dict[str, list[set[str]]]:
    """By the end of each question (its criterion), the texts by their true places."""
    found = {}
    for messages, reference in split.kept.select("messages", "reference").iter_rows():
        _, *shown = messages[-1]["content"].split("|")
        texts = dict(zip("ABC", shown, strict=False))
        levels = [
            {texts[one] for one in re.findall("[A-Z]", part)} for part in reference.split(">")
        ]
        found["|".join(shown[3:])] = levels
    return found


LONG = {"q-0": 1.0, "q-1": 2.0, "q-2": 3.0, "q-3": 9.0, "r-0": 1.0, "r-1": 2.0}


def test_responses_are_ranked_by_the_truth(bench: Any) -> None:
    split = asked(bench, {"a": LONG, "b": {"q-0": 2.0}})
    # Of equal texts the first counts; the mean of q-0 is 1.5.
    assert ranked(split) == {"": [{"yyy"}, {"xx"}, {"w"}]}
    assert split.kept["prompt_id"].to_list() == [prompt_id(m) for m in split.kept["messages"]]
    assert split.kept["task"].to_list() == ["q"]
    assert set(split.dropped.select("row_id", "reason").rows()) == {
        ("q-3", "not in a ranking of its prompt"),
        *((one, "nothing to rank") for one in ("r-0", "r-1", "s-0", "s-1")),
    }
    assert bench.asked == []


def test_equal_responses_share_a_place(bench: Any) -> None:
    split = asked(bench, {"a": {"q-0": 1.0, "q-1": 2.0, "q-2": 2.0}})
    assert ranked(split) == {"": [{"xx", "yyy"}, {"w"}]}
    assert re.fullmatch("[A-C] = [A-C] > [A-C]", split.kept["reference"].item())


def test_a_criterion_is_ranked_by_its_own_annotator(bench: Any) -> None:
    split = asked(bench, {"long": LONG, "size": LONG}, by="principles")
    assert ranked(split) == {
        "The longer the better.": [{"yyy"}, {"xx"}, {"w"}],
        "Not too long.": [{"w"}, {"xx"}, {"yyy"}],
    }


def test_without_a_difference_there_is_nothing_to_rank(bench: Any) -> None:
    split = asked(bench, {"a": {"q-0": 1.0, "q-1": 1.0}})
    assert split.kept.is_empty()
    assert split.dropped.height == 8


@pytest.mark.parametrize("count", [1, 27])
def test_too_few_or_too_many_are_dropped(bench: Any, count: int) -> None:
    tables = bench.tables({"q": [f"text {n}" for n in range(count)]})
    scores = [
        {"response_id": f"q-{n}", "annotator": "a", "value": float(n), "origin": ORIGIN}
        for n in range(count)
    ]
    tables["truth"] = rows(Scores, scores)
    split = ListwiseItems(of="responses", truth="truth").run(tables, bench.context(lambda *_: ""))
    assert split.kept.is_empty()
    assert split.dropped["row_id"].to_list() == [f"q-{n}" for n in range(count)]
