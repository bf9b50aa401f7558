"""ExtractedRules: rules with the explanations that they were found in."""

import json
from typing import Any

import polars as pl

from annotators import ExtractedRules
from schemas import Criteria, Split

EXTRACT, MERGE = "extract|{{ reasoning }}", "merge|{{ rules | join('|') }}|{{ most }}"
SAID = {
    "q": ["- It is short.\n- It is right.", "1. it is SHORT"],
    "r": ["It pleases.", "none", "too long"],
}


def say(task: str, *shown: str) -> str:
    """The explanation is the list of rules; short and right are merged."""
    if task == "extract":
        return "too long" if shown[0] == "too long" else shown[0]
    return f"- It is short and right. [1, {shown.index('It is right.') + 1}]\n- It is made up."


def extracted(bench: Any, say: Any = say, said: Any = SAID, **options: Any) -> Split:
    tables = bench.tables(said)
    context = bench.context(say)
    for name, text in (("extract_rules", EXTRACT), ("merge_rules", MERGE)):
        (bench.folder / f"{name}.jinja").write_text(text)
    split: Split = ExtractedRules(of="responses", **options).run(tables, context)
    Criteria.validate(split.kept, cast=False)
    ids = tables["responses"]["response_id"]
    assert not split.dropped["row_id"].is_duplicated().any()
    assert set(split.dropped["row_id"]) <= set(ids)
    return split


def evidence(split: Split) -> dict[str, list[str]]:
    parents = pl.col("origin").struct.field("parents")
    return dict(split.kept.select("text", parents).iter_rows())


def test_few_rules_are_kept_as_they_are_with_their_evidence(bench: Any) -> None:
    split = extracted(bench)
    assert evidence(split) == {
        "It is short.": ["q-0", "q-1"],
        "It is right.": ["q-0"],
        "It pleases.": ["r-0"],
    }
    assert set(split.kept["kind"]) == {"yes_no"}
    assert split.kept["prompt_id"].null_count() == 3
    reasons = dict(split.dropped.select("row_id", "reason").iter_rows())
    assert reasons.pop("r-1") == "no rule in it"
    assert reasons.keys() == {"r-2"}
    assert split.report.findings == {"candidates": 4, "different": 3, "rules": 3}


def test_more_rules_are_merged_and_what_is_not_kept_is_told(bench: Any) -> None:
    split = extracted(bench, most=2)
    (rule,) = split.kept.iter_rows(named=True)
    assert rule["text"] == "It is short and right."
    assert rule["origin"]["parents"] == ["q-0", "q-1"]
    candidates = json.loads(rule["origin"]["parameters"])["candidates"]
    assert candidates == ["It is short.", "it is SHORT", "It is right."]
    reasons = dict(split.dropped.select("row_id", "reason").iter_rows())
    assert reasons["r-0"] == "none of its rules is kept"


def test_rules_are_merged_in_turns_until_one_question_holds_them(bench: Any) -> None:
    said = {"q": [f"- It has quality {chr(97 + n // 26)}{chr(97 + n % 26)}." for n in range(130)]}
    asked: list[int] = []

    def halve(task: str, *shown: str) -> str:
        if task == "extract":
            return shown[0]
        *rules, _ = shown
        asked.append(len(rules))
        pairs = [(n, min(n + 1, len(rules))) for n in range(1, len(rules) + 1, 2)]
        return "\n".join(f"- {shown[a - 1]} [{a}, {b}]" for a, b in pairs)

    split = extracted(bench, halve, said, most=12)
    # 130 in three questions, the 65 that are left in two, those 33 in one.
    assert asked == [60, 60, 10, 60, 5, 33]
    assert split.kept.height == 12
    sizes = [len(each) for each in evidence(split).values()]
    assert sizes == sorted(sizes, reverse=True)
    assert not split.kept["name"].is_duplicated().any()


def test_the_thought_is_read_and_not_what_was_said_after_it(bench: Any) -> None:
    tables = bench.tables({"q": ["- It is kind."]})
    tables["responses"] = tables["responses"].with_columns(reasoning=pl.lit("- It is true."))
    context = bench.context(say)
    (bench.folder / "extract_rules.jinja").write_text(EXTRACT)
    split = ExtractedRules(of="responses").run(tables, context)
    assert split.kept["text"].to_list() == ["It is true."]


def test_a_list_that_cannot_be_merged_drops_all(bench: Any) -> None:
    def fail(task: str, *shown: str) -> str:
        return shown[0] if task == "extract" else "too long"

    split = extracted(bench, fail, {"q": ["- It is short.\n- It is right."]}, most=1)
    assert split.kept.is_empty()
    assert split.dropped["row_id"].to_list() == ["q-0"]
    assert "900 tokens" in split.dropped["numbers"][0]


def test_no_explanation_gives_no_rule(bench: Any) -> None:
    split = extracted(bench, said={"q": ["none"]})
    assert split.kept.is_empty()
    assert split.dropped["reason"].to_list() == ["no rule in it"]
