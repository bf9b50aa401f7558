"""A stage's account is told in words, numbers and a picture."""

import base64
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from assets.execution.row_accounting import adds_up, count_metadata
from assets.execution.row_counts import RowCounts, count_rows
from assets.project.recipe_plan import Stage
from filters import Conditioned
from schemas import Dropped, Pairs, Split, dropped, empty, rows

COUNTS = st.dictionaries(st.text(min_size=1, max_size=30), st.integers(1, 10**6), max_size=12)


def svg(metadata: Any) -> str:
    return base64.b64decode(metadata.value.partition("base64,")[2].rstrip(")")).decode()


def test_the_sum_is_told_in_words() -> None:
    right = adds_up(RowCounts("prompt_id", 512, 374, {"all equal": 138}, {}))
    assert right.passed
    assert right.description == "374 kept and 138 dropped are the 512 prompts that came in"
    lost = adds_up(RowCounts("response_id", 10, 6, {"empty": 1}, {}))
    assert not lost.passed
    assert lost.description == (
        "6 kept and 1 dropped are 7, but 10 responses came in: 3 are in neither"
    )
    more = adds_up(RowCounts("rows", 2, 3, {}, {}))
    assert not more.passed
    assert more.description.endswith("but 2 rows came in: 1 were not among them")


def test_the_funnel_is_pictured_and_its_rates_are_numbers() -> None:
    shown = count_metadata(RowCounts("prompt_id", 8, 6, {"<b>": 2}, {"other": 1}), seconds=2.0)
    assert (shown["rows/s"], shown["share kept"]) == (4.0, 0.75)
    assert shown["also refused"].value == {"other": 1}
    picture = svg(shown["funnel"])
    assert "8 prompts in, 6 kept, 2 dropped" in picture
    assert "&lt;b&gt;" in picture
    assert "<b>" not in picture


@given(COUNTS, st.integers(0, 10**6))
def test_every_account_has_a_picture_that_says_all_of_it(counts: dict[str, int], kept: int) -> None:
    account = RowCounts("prompt_id", kept + sum(counts.values()), kept, counts, {})
    picture = svg(count_metadata(account, seconds=0.0)["funnel"])
    assert f"{account.came:,} prompts in, {kept:,} kept, {account.refused:,} dropped" in picture
    assert adds_up(account).passed


def test_rows_that_are_read_are_counted_as_rows() -> None:
    kept = pl.DataFrame({"prompt_id": ["a", "b"]})
    account = RowCounts.of(Split(kept, dropped("s", "empty", ["c"])))
    assert (account.units, account.came, account.kept) == ("rows", 3, 2)
    assert account.dropped == {"empty": 1}
    nothing = RowCounts.of(Split(kept.clear(), empty(Dropped)))
    assert nothing.adds_up
    assert "share kept" not in count_metadata(nothing, seconds=0.0)


def test_a_mirrored_pair_is_not_counted_as_kept() -> None:
    """Of two pairs one has a system turn of its own and is dropped; the other becomes two."""
    said = {side: [{"role": "assistant", "content": side}] for side in ("chosen", "rejected")}
    asked = {"a": [], "b": [{"role": "system", "content": "Be short."}]}
    pairs = rows(
        Pairs,
        [
            {
                "pair_id": name,
                "prompt_id": name,
                "prompt": [*turns, {"role": "user", "content": "?"}],
                "chosen_id": "c",
                "rejected_id": "r",
                "weight": 1.0,
                **said,
            }
            for name, turns in asked.items()
        ],
    )
    mirrored = Conditioned(of="pairs", template="{condition}", tag="good", other="bad")
    split = mirrored.run({"pairs": pairs})
    assert split.kept.height == 2
    counts = count_rows(Stage("s", mirrored, Pairs, ("pairs",)), {"pairs": pairs}, split)
    assert (counts.came, counts.kept, counts.refused) == (2, 1, 1)
    assert counts.adds_up
