"""Reference: what the data answers, as responses."""

from typing import Any

import polars as pl

from generators import Reference


def test_references_become_responses_and_prompts_without_are_dropped(stand: Any) -> None:
    prompts = stand.prompts(*(f"p{n}" for n in range(40))).with_columns(
        reference=pl.when(pl.int_range(pl.len()) == 0)
        .then(pl.lit("2 + 2 = 4"))
        .when(pl.int_range(pl.len()) == 1)
        .then(pl.lit(" "))
    )
    split = Reference().run({"prompts": prompts}, stand.context())
    (row,) = split.kept.rows(named=True)
    assert (row["text"], row["finish"], row["tokens"]) == ("2 + 2 = 4", "stop", 5)
    assert row["prompt_id"] == prompts["prompt_id"][0]
    assert row["origin"]["model"] is None
    assert split.dropped["row_id"].to_list() == prompts["prompt_id"].to_list()[1:]
    assert set(split.dropped["reason"]) == {"no reference"}
    assert stand.asked == []
