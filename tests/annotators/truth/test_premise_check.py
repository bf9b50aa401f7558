"""Steps that cite statements, and what a model that sees only these says of each."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from annotators import PremiseCheck
from engines.operators.premises import BEGINS, read_statements
from schemas import Split

CHAIN = (
    "1. Ann has 3 pears.\n2. She finds 4.\n3. By 1 and 2: 3 + 4 = 7.\n4. By 3: 7 = 7.\nAnswer: 7"
)


def cut(text: str) -> list[str]:
    """The steps of ``text``."""
    starts = sorted({0, *(found.start() for found in re.finditer(BEGINS, text, re.M)), len(text)})
    return [text[start:end] for start, end in pairwise(starts)]


def checked(bench: Any, text: str, said: Any, *, seeded: bool = False, **fields: Any) -> Split:
    (bench.folder / "check_step.jinja").write_text("{{ statements | join(' & ') }}|{{ step }}")
    tables = bench.tables({"q": [text]})
    place, spans = 0, []
    for step in cut(text):
        end = place + len(step)
        spans.append({"start": place, "end": end, "token_start": place, "token_end": end})
        place = end
    dtype = tables["responses"].schema["steps"]
    tables["responses"] = tables["responses"].with_columns(pl.Series("steps", [spans], dtype=dtype))
    operator = PremiseCheck(**fields)
    split: Split = operator.run(tables, bench.context(said, seeded=seeded))
    return split


def scores_of(split: Split) -> tuple[dict[int, float], float | None]:
    """The values of steps, and of the whole."""
    values = dict(split.kept.select("step", "value").iter_rows())
    whole = values.pop(None)
    return values, whole


def follows(statements: str, step: str) -> str:
    """Whether the sum of the numbers that the statements end with is what the step says."""
    total = sum(int(re.findall(r"\d+", one)[-1]) for one in statements.split(" & "))
    return "yes" if step.endswith(f"= {total}.") else "no"


def test_a_chain_whose_steps_follow_is_valid(bench: Any) -> None:
    assert scores_of(checked(bench, CHAIN, follows)) == ({2: 1.0, 3: 1.0}, -1.0)


def test_the_model_sees_what_a_step_cites_and_nothing_else(bench: Any) -> None:
    checked(bench, CHAIN, follows, votes=1)
    assert sorted(bench.asked) == [
        "3 + 4 = 7.|7 = 7.",
        "Ann has 3 pears. & She finds 4.|3 + 4 = 7.",
    ]


def test_all_that_comes_before_a_step_may_be_in_view(bench: Any) -> None:
    split = checked(bench, CHAIN, follows, votes=1, shows="earlier")
    assert sorted(bench.asked) == [
        "Ann has 3 pears. & She finds 4. & 3 + 4 = 7.|7 = 7.",
        "Ann has 3 pears. & She finds 4.|3 + 4 = 7.",
    ]
    assert '"shows":"earlier"' in split.kept["origin"].struct.field("parameters")[0]


def test_the_first_invalid_step_is_the_error(bench: Any) -> None:
    wrong = CHAIN.replace("3 + 4 = 7", "3 + 4 = 8")
    assert scores_of(checked(bench, wrong, follows)) == ({2: 0.0, 3: 0.0}, 2.0)


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("3. By 1 and 4: 3 + 4 = 7.", "it cites 4, which does not come before it"),
        ("3. By 3: 3 + 4 = 7.", "it cites 3, which does not come before it"),
        ("3. (by #1 and) 3 + 4 = 7.", "it cites no statement that can be read"),
        ("2. By 1 and 2: 3 + 4 = 7.", "there is another statement 2"),
    ],
)
def test_a_step_whose_citation_cannot_be_followed_is_invalid_and_not_asked_about(
    bench: Any, step: str, fault: str
) -> None:
    split = checked(bench, CHAIN.replace("3. By 1 and 2: 3 + 4 = 7.", step), lambda *_: "yes")
    assert scores_of(split)[1] == 2.0
    assert split.kept.filter(pl.col("step") == 2)["raw"].item() == fault
    assert not any("3 + 4" in question.partition("|")[2] for question in bench.asked)


def test_a_step_without_a_citation_after_one_with_is_invalid(bench: Any) -> None:
    split = checked(bench, CHAIN.replace("By 3: 7 = 7", "Ann eats 2"), lambda *_: "yes")
    assert scores_of(split) == ({2: 1.0, 3: 0.0}, 3.0)


def test_more_than_half_of_the_votes_make_a_step_valid(bench: Any) -> None:
    def unsure(statements: str, step: str, seed: int) -> str:
        return "yes" if seed % 2 else "perhaps" if seed % 3 else "no"

    split = checked(bench, CHAIN, unsure, seeded=True, votes=12)
    for raw, value in split.kept.drop_nulls("step").select("raw", "value").iter_rows():
        yes, no = raw.count('"yes"'), raw.count('"no"')
        assert yes + no < 12
        assert value == yes / (yes + no)
    values, whole = scores_of(split)
    assert whole == next((at for at, value in sorted(values.items()) if value <= 0.5), -1)


@pytest.mark.parametrize("text", ["Answer: 7", "1. 3 + 4 = 7.\n2. So it is 7.\nAnswer: 7"])
def test_of_an_answer_that_cites_nothing_nothing_is_known(bench: Any, text: str) -> None:
    split = checked(bench, text, lambda *_: "yes")
    assert split.kept.select("value", "error").rows() == [(None, "no step cites a statement")]


def test_an_unread_step_is_an_error_unless_an_earlier_one_is_invalid(bench: Any) -> None:
    split = checked(bench, CHAIN, lambda _, step: "hm" if "3 + 4" in step else "no")
    assert split.kept.filter(pl.col("step").is_null())["error"].item().startswith("step 3: neither")
    split = checked(bench, CHAIN, lambda _, step: "hm" if "7 = 7" in step else "no")
    assert scores_of(split)[1] == 2.0


@pytest.mark.parametrize(
    ("steps", "premises"),
    [
        (["#1. Ann has 3.", "#2. (by #1) So 3."], [None, ("Ann has 3.",)]),
        (["1. a.", "2. b.", "3. c.", "4. (by 1, 2 and 3) d."], [None] * 3 + [("a.", "b.", "c.")]),
        (["1) a.", "2) From steps 1: b."], [None, ("a.",)]),
        (
            ["1. By noon Ann has 3.", "2. By 3 pm 4.", "3. By 1: 3."],
            [None, None, ("By noon Ann has 3.",)],
        ),
        (["Let me see.\n", "1. a.", "Answer: 3"], [None] * 3),
    ],
)
def test_citations_are_read(steps: Sequence[str], premises: Sequence[Any]) -> None:
    assert [one.premises for one in read_statements(steps)] == premises
