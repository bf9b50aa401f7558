"""The rows that each stage of a report read, kept and dropped."""

import polars as pl

from assets.report.funnel import _inputs_used
from schemas import dropped


def test_held_out_prompts_that_are_gone_count_as_they_were_asked() -> None:
    kept = pl.DataFrame({"prompt_id": ["a", "b"]})
    refused = dropped("validated", "cut off", ["c"])
    for held_out, came in ((["a", "b", "c", "d"], 3), (["x", "y"], 3), (["a", "x"], 3)):
        read = {"held_out": pl.DataFrame({"prompt_id": held_out})}
        assert _inputs_used(read, kept, refused)["held_out"].height == came
