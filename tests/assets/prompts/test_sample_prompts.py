"""Which prompts a refresh works on."""

from pathlib import Path

import polars as pl
import pytest

from assets.config.errors import FactoryError
from assets.prompts.sample_prompts import PromptSample, draw
from assets.storage.tables import Tables
from schemas import Dropped, Prompts, Split, empty, prompt_id, rows


def prompts(*texts: str, source: str = "one") -> pl.DataFrame:
    records = []
    for text in texts:
        messages = [{"role": "user", "content": text}]
        records.append(
            {
                "prompt_id": prompt_id(messages),
                "messages": messages,
                "source": source,
                "source_revision": "1",
                "licence": "CC0-1.0",
            }
        )
    return rows(Prompts, records)


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path)


def put(tables: Tables, source: str, day: str, *texts: str) -> None:
    split = Split(prompts(*texts, source=source), empty(Dropped))
    tables.write(("prompts", source), day, split)


def drawn(
    tables: Tables,
    day: str,
    count: int,
    *,
    weights: dict[str, float] | None = None,
    held_out: pl.DataFrame | None = None,
    recipe: str = "recipe",
) -> PromptSample:
    result = draw(
        tables,
        recipe=recipe,
        refresh=day,
        rows=count,
        weights=weights or {"one": 1.0},
        held_out=empty(Prompts) if held_out is None else held_out,
    )
    tables.write((recipe, "prompts"), day, result.split)
    return result


def said(result: PromptSample) -> list[str]:
    return [messages[-1]["content"] for messages in result.split.kept["messages"]]


def test_this_days_prompts_come_first_then_those_left_over(tables: Tables) -> None:
    put(tables, "one", "2026-01-01", "a", "b", "c")
    put(tables, "one", "2026-01-02", "d")
    assert said(drawn(tables, "2026-01-01", 2)) == ["a", "b"]
    assert said(drawn(tables, "2026-01-02", 5)) == ["d", "c"]
    assert said(drawn(tables, "2026-01-01", 2)) == ["a", "b"]


def test_another_recipe_of_that_day_draws_the_same(tables: Tables) -> None:
    put(tables, "one", "2026-01-01", *"abcdef")
    first = drawn(tables, "2026-01-01", 4)
    assert said(drawn(tables, "2026-01-01", 4, recipe="other")) == said(first)


def test_a_larger_draw_begins_with_the_smaller(tables: Tables) -> None:
    put(tables, "one", "2026-01-01", *"abcdefgh")
    put(tables, "two", "2026-01-01", *"stuvwxyz")
    weights = {"one": 2.0, "two": 1.0}
    few = said(drawn(tables, "2026-01-01", 5, weights=weights))
    more = said(drawn(tables, "2026-01-01", 9, weights=weights))
    assert more[:5] == few


def test_the_mixture_is_by_weight_and_recorded(tables: Tables) -> None:
    put(tables, "one", "2026-01-01", *"abcdefgh")
    put(tables, "two", "2026-01-01", "y", "z")
    result = drawn(tables, "2026-01-01", 9, weights={"one": 1.0, "two": 1.0})
    assert result.mixture == {
        "one": {"weight": 1.0, "rows": 7, "offered": 8},
        "two": {"weight": 1.0, "rows": 2, "offered": 2},
    }


def test_held_out_prompts_are_refused(tables: Tables) -> None:
    put(tables, "one", "2026-01-01", "a", "b", "c")
    result = drawn(tables, "2026-01-01", 5, held_out=prompts("b"))
    assert said(result) == ["a", "c"]
    assert result.split.dropped["reason"].to_list() == ["held out"]


def test_a_prompt_of_two_sources_is_drawn_once(tables: Tables) -> None:
    put(tables, "one", "2026-01-01", "a", "b")
    put(tables, "two", "2026-01-01", "b", "c")
    result = drawn(tables, "2026-01-01", 9, weights={"one": 1.0, "two": 1.0})
    assert sorted(said(result)) == ["a", "b", "c"]


def test_a_source_that_was_not_read_is_named(tables: Tables) -> None:
    with pytest.raises(FactoryError, match="source 'one' has not been read for refresh 2026-01-01"):
        drawn(tables, "2026-01-01", 5)


def test_prompts_without_the_reference_that_is_needed_are_dropped(tables: Tables) -> None:
    known = prompts("a", "b", "c").with_columns(reference=pl.Series(["1", None, "3"]))
    tables.write(("prompts", "one"), "2026-01-01", Split(known, empty(Dropped)))
    sample = draw(
        tables,
        recipe="recipe",
        refresh="2026-01-01",
        rows=2,
        weights={"one": 1.0},
        held_out=empty(Prompts),
        referenced=frozenset(["one"]),
    )
    assert said(sample) == ["a", "c"]
    assert sample.split.dropped["row_id"].to_list() == [known["prompt_id"][1]]
    assert "no reference" in sample.split.dropped["reason"][0]


def test_a_refresh_that_took_nothing_says_why(tables: Tables) -> None:
    put(tables, "one", "2026-01-01", "a", "b")
    first = drawn(tables, "2026-01-01", 5, held_out=prompts("a", "b"))
    assert first.says == "no new prompts of one: 2 dropped (held out)"
    write = drawn(tables, "2026-01-01", 5, held_out=prompts("a"))
    assert write.taken == 0
    put(tables, "one", "2026-01-02", "a", "b")
    later = drawn(tables, "2026-01-02", 5, held_out=prompts("a"))
    assert later.says == "no new prompts: other refreshes took 1 of one; 1 dropped (held out)"
