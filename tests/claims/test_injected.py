"""InjectedErrors: pairs that are nearly the same, and yet right and wrong."""

from typing import Any

import polars as pl
import pytest

from claims import InjectedErrors, UnmeasurableError
from schemas import Pairs, Prompts, rows

WORDS = " ".join(["so"] * 20)
RIGHT = f"{WORDS} yes"
SMALL, LARGE = f"{WORDS} no", "no"


def says_yes(messages: Any, reference: str | None, text: str) -> bool:
    """Right is what ends in yes."""
    return text.endswith("yes")


CHECKS = {"mine": f"{__name__}.says_yes"}
TURN = [{"role": "user", "content": "?"}]


def prompts(count: int) -> pl.DataFrame:
    known = {"source": "mine", "source_revision": "1", "licence": "x", "reference": "yes"}
    return rows(Prompts, [{"prompt_id": f"p{n}", "messages": TURN, **known} for n in range(count)])


def pairs(*sides: tuple[str, str]) -> pl.DataFrame:
    return rows(
        Pairs,
        [
            {
                "pair_id": f"{n}",
                "prompt_id": f"p{n}",
                "prompt": TURN,
                "chosen": [{"role": "assistant", "content": chosen}],
                "rejected": [{"role": "assistant", "content": rejected}],
                "chosen_id": "c",
                "rejected_id": "r",
                "weight": 1.0,
            }
            for n, (chosen, rejected) in enumerate(sides)
        ],
    )


def measured(ours: pl.DataFrame, theirs: pl.DataFrame, edits: int) -> Any:
    asked = prompts(max(ours.height, theirs.height))
    tables = {"prompts": asked, "injected": ours, "edited": pl.DataFrame({"n": range(edits)})}
    measure = InjectedErrors(of="injected", control="sampled", edits="edited")
    return measure.figures(tables, {"prompts": asked, "sampled": theirs}, checks=CHECKS)


def test_small_and_flipped_is_what_counts() -> None:
    ours = pairs(*[(RIGHT, SMALL)] * 38, (RIGHT, f"then {RIGHT}"), (SMALL, RIGHT))
    found = measured(ours, pairs(*[(RIGHT, LARGE)] * 30, *[(RIGHT, SMALL)] * 10), 60)
    assert (found.measured, found.control) == (0.95, 0.25)
    assert 0.5 < found.low < 0.7 < found.high < 0.9
    assert found.held
    assert "of 40 injected pairs, kept of 60 edits, 95.0%" in found.says


def test_fewer_than_wanted_does_not_hold() -> None:
    found = measured(
        pairs(*[(RIGHT, SMALL)] * 8, *[(RIGHT, LARGE)] * 2), pairs(*[(RIGHT, LARGE)] * 10), 10
    )
    assert found.measured == 0.8
    assert found.low > 0
    assert not found.held


def test_no_pair_is_no_figure() -> None:
    with pytest.raises(UnmeasurableError, match="injected holds no pair"):
        measured(pairs(), pairs((RIGHT, LARGE)), 3)
