"""A second set of prompts shares nothing with the recipe's own and with those held out."""

from types import SimpleNamespace

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from filters import Decontaminate
from generators import Draw
from schemas import Prompts, prompt_id, rows

CONTEXT = SimpleNamespace(stage="seed", gives=Prompts)
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen"


def prompts(*texts: str) -> pl.DataFrame:
    records = []
    for text in texts:
        messages = [{"role": "user", "content": text}]
        told = {"source": "s", "source_revision": "1", "licence": "MIT"}
        records.append({"prompt_id": prompt_id(messages), "messages": messages, **told})
    return rows(Prompts, records)


def drawn(offered: pl.DataFrame, used: pl.DataFrame, held_out: pl.DataFrame, most: int = 2):
    tables = {"prompts/labelled": offered, "prompts": used, "held_out": held_out}
    return Draw(of="labelled", rows=most).run(tables, CONTEXT)


def test_every_prompt_is_drawn_or_dropped_with_a_reason() -> None:
    offered = prompts("used", "unseen", f"and {LONG}", "a", "b", "c")
    split = drawn(offered, prompts("used"), prompts("Unseen", LONG))
    assert split.kept.equals(offered[3:5])
    reasons = dict(split.dropped.select("row_id", "reason").iter_rows())
    told = [reasons[each] for each in offered["prompt_id"] if each in reasons]
    assert told == [
        "is among the prompts",
        "is an evaluation prompt",
        "shares 13 words in a row with an evaluation prompt",
        "more prompts than rows",
    ]


def test_a_second_draw_can_be_kept_apart_from_a_first() -> None:
    offered = prompts("a", "b", "c")
    nothing = offered.clear()
    tables = {"prompts/labelled": offered, "prompts": nothing, "held_out": nothing}
    first = Draw(of="labelled", rows=1).run(tables, CONTEXT).kept
    second = Draw(of="labelled", rows=1, against=("held_out", "first"))
    assert second.run({**tables, "first": first}, CONTEXT).kept.equals(offered[1:2])


TEXTS = st.lists(st.sampled_from([*"abcdef", f"{LONG} fourteen", f"so {LONG}", LONG]), unique=True)


@given(TEXTS, TEXTS, TEXTS, st.integers(1, 4))
def test_what_is_drawn_is_apart_from_all_other_prompts(
    offered: list[str], used: list[str], held_out: list[str], most: int
) -> None:
    asked, held = prompts(*offered), prompts(*held_out)
    split = drawn(asked, prompts(*used), held, most)
    kept = split.kept["prompt_id"]
    assert kept.len() <= most
    assert sorted([*kept, *split.dropped["row_id"]]) == sorted(asked["prompt_id"])
    assert not {*kept} & {*prompts(*used)["prompt_id"], *held["prompt_id"]}
    clean = Decontaminate(of="kept", against=("held",)).run({"kept": split.kept, "held": held})
    assert clean.dropped.is_empty()
