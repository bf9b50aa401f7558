"""Parts of the prompts are disjoint, equal, and the same for every stage about these prompts."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from filters import Fold, RandomPairs
from schemas import content_id


def slowly(tables, stage, fold, folds, seed):
    order = sorted(tables["prompts"]["prompt_id"], key=lambda prompt: content_id(seed, prompt))
    part = set(order[fold - 1 :: folds])
    return [row["prompt_id"] for row in tables[stage].to_dicts() if row["prompt_id"] in part]


@given(data=st.data(), folds=st.sampled_from([2, 3]), seed=st.integers(0, 3))
def test_equals_the_slow_version(data, folds, seed, worlds, shuffled, same_rows):
    tables = data.draw(worlds)
    kept, sizes = [], []
    for fold in range(1, folds + 1):
        of = Fold(of="responses", fold=fold, folds=folds, seed=seed)
        split = of.run(tables)
        assert split.kept["prompt_id"].to_list() == slowly(tables, "responses", fold, folds, seed)
        assert same_rows(split.kept, of.run(shuffled(tables, seed)).kept, "response_id")
        kept += split.kept["response_id"].to_list()
        assert split.kept.height + split.dropped.height == tables["responses"].height
        part = Fold(of="prompts", fold=fold, folds=folds, seed=seed).run(tables).kept
        assert set(split.kept["prompt_id"]) <= set(part["prompt_id"])
        sizes.append(part.height)
    assert sorted(kept) == sorted(tables["responses"]["response_id"])
    assert max(sizes) - min(sizes) <= 1


def test_questions_about_one_task_are_in_one_part(world):
    prompts = world({text: [] for text in "abcdef"})["prompts"]
    items = prompts.with_columns(task=pl.Series(["x", "x", "y", "y", "z", None]))
    parts = [Fold(of="prompts", fold=fold).run({"prompts": items}).kept for fold in (1, 2)]
    tasks = [{*part["task"].drop_nulls()} for part in parts]
    assert not tasks[0] & tasks[1]
    # Four tasks, two a part: the prompt that asks about none is its own.
    assert [part.select(pl.coalesce("task", "prompt_id"))["task"].n_unique() for part in parts] == [
        2,
        2,
    ]


def test_pairs_of_a_prompt_that_is_unknown_are_dropped(world):
    tables = world({"p": [("4", []), ("5", [])]})
    tables["pairs"] = RandomPairs(of="responses").run(tables).kept
    tables["prompts"] = tables["prompts"].clear()
    split = Fold(of="pairs", fold=1).run(tables)
    assert split.dropped["reason"].to_list() == ["prompt not found"]


def test_a_fold_that_does_not_exist_is_refused():
    with pytest.raises(ValidationError, match="no fold 3 of 2"):
        Fold(of="pairs", fold=3)
