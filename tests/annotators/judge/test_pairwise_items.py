"""What a judge is asked about pairs, as prompts in both orders."""

from typing import Any

import polars as pl
import pytest

from annotators import PairwiseItems
from schemas import Pairs, prompt_id, rows


def pair(name: str, prompt: dict[str, Any], chosen: str, rejected: str) -> dict[str, Any]:
    sides = {"chosen": chosen, "rejected": rejected}
    return {
        "pair_id": name,
        "prompt_id": prompt["prompt_id"],
        "prompt": prompt["messages"],
        **{side: [{"role": "assistant", "content": text}] for side, text in sides.items()},
        "chosen_id": f"{name} chosen",
        "rejected_id": f"{name} rejected",
        "weight": 1.0,
    }


@pytest.fixture
def tables(stand: Any) -> dict[str, pl.DataFrame]:
    prompts = stand.prompts("How many?", "How old?", "Where?")
    many, old, where = prompts.to_dicts()
    pairs = [
        pair("p", many, "four", "five"),
        pair("q", old, "nine", "ten"),
        pair("again", many, "five", "four"),
        pair("orphan", where, "here", "there"),
    ]
    return {"prompts": prompts.head(2), "pairs": rows(Pairs, pairs)}


def test_each_pair_is_asked_in_both_orders(tables: dict[str, pl.DataFrame], stand: Any) -> None:
    split = PairwiseItems(of="pairs").run(tables, stand.context())
    assert split.kept["reference"].to_list() == ["A", "B", "A", "B"]
    shown = [("four", "five"), ("five", "four"), ("nine", "ten"), ("ten", "nine")]
    for item, (a, b) in zip(split.kept.to_dicts(), shown, strict=True):
        asked = item["messages"][-1]["content"]
        assert asked.index(f"<answer A>\n{a}\n") < asked.index(f"<answer B>\n{b}\n")
        assert item["messages"][-1]["role"] == "user"
        assert item["prompt_id"] == prompt_id(item["messages"])
        assert (item["source"], item["source_revision"], item["licence"]) == ("test", "1", "none")
    # Both orders are about one task: no split may part them.
    assert split.kept["task"].to_list() == ["How many?", "How many?", "How old?", "How old?"]
    assert set(split.dropped.select("row_id", "reason").rows()) == {
        ("again", "another pair has the same texts"),
        ("orphan", "prompt not found"),
    }
    assert stand.asked == []


def test_criteria_are_part_of_the_question(tables: dict[str, pl.DataFrame], stand: Any) -> None:
    split = PairwiseItems(of="pairs", criteria="Be brief.").run(tables, stand.context())
    assert all("Be brief." in item[-1]["content"] for item in split.kept["messages"].to_list())


def test_the_order_of_pairs_changes_no_item(tables: dict[str, pl.DataFrame], stand: Any) -> None:
    items = PairwiseItems(of="pairs")
    once = items.run(tables, stand.context()).kept
    turned = items.run({**tables, "pairs": tables["pairs"][[1, 3, 0, 2]]}, stand.context()).kept
    assert sorted(once["prompt_id"]) == sorted(turned["prompt_id"])


def test_one_order_is_drawn_for_each_pair(stand: Any) -> None:
    prompts = stand.prompts(*(f"How many are {n}?" for n in range(40)))
    pairs = [pair(f"p{n}", one, "four", "five") for n, one in enumerate(prompts.to_dicts())]
    tables = {"prompts": prompts, "pairs": rows(Pairs, pairs)}
    both = PairwiseItems(of="pairs").run(tables, stand.context()).kept
    drawn = PairwiseItems(of="pairs", orders="drawn").run(tables, stand.context()).kept
    assert drawn.height == 40
    assert drawn.join(both, on=["prompt_id", "reference"]).height == 40
    assert 10 < (drawn["reference"] == "A").sum() < 30


def test_the_reference_may_be_in_view(tables: dict[str, pl.DataFrame], stand: Any) -> None:
    (stand.folder / "known.jinja").write_text("{{ prompt }} {{ a }} {{ b }} It is {{ reference }}.")
    tables["prompts"] = tables["prompts"].with_columns(reference=pl.lit("four"))
    items = PairwiseItems(of="pairs", template="known")
    split = items.run(tables, stand.context(folder=stand.folder))
    assert all("It is four." in item[-1]["content"] for item in split.kept["messages"].to_list())
