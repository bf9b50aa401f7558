"""An answer that was cut off is not imitated; where it is rejected or kept, it has no end."""

from collections.abc import Callable

import polars as pl
import pytest

from filters import (
    Best,
    BestWorst,
    BranchPairs,
    EditedPairs,
    GradedPairs,
    Imitate,
    LabelSteps,
    PrefixValues,
    RandomPairs,
    RankedTraces,
    SiblingPairs,
    Traces,
    TreeAnswers,
    Versus,
)
from filters.filter import Filter
from schemas import Split
from tests.filters.grown import grove
from tests.filters.stepwise import cut as in_steps
from tests.filters.stepwise import mean_scores

Tables = dict[str, pl.DataFrame]
REASON = "the chosen answer was cut off at 1,024 tokens"


def cut_off(responses: pl.DataFrame, *ids: str) -> pl.DataFrame:
    """``responses``, of which those with these ids were cut off at 1,024 tokens."""
    is_cut = pl.col("response_id").is_in(ids)
    finish = pl.when(is_cut).then(pl.lit("length")).otherwise(pl.lit("stop"))
    return responses.with_columns(
        finish=finish.cast(responses.schema["finish"]),
        tokens=pl.when(is_cut).then(pl.lit(1024)).otherwise(3).cast(pl.UInt32),
    )


@pytest.fixture
def tables(world: Callable[..., Tables]) -> Tables:
    """Two answers to a prompt: the first is right. And an edit of each that made it wrong."""
    made = world({"p": [("one and two is three", [1.0]), ("one and two is six", [0.0])]})
    wrong = made["responses"].with_columns(
        response_id=pl.lit("edit ") + pl.col("response_id"),
        text=pl.col("text").str.replace("two", "four"),
        origin=pl.struct(
            pl.col("origin").struct.field("operator", "model"),
            pl.lit('{"level": 0.5}').alias("parameters"),
            pl.col("origin").struct.field("seed"),
            pl.concat_list("response_id").alias("parents"),
        ),
    )
    made["edits"] = wrong
    made["edit_scores"] = made["scores"].with_columns(
        response_id=pl.lit("edit ") + pl.col("response_id"), value=0.0
    )
    return made


PAIRS: dict[str, Filter] = {
    "best_worst": BestWorst(of="responses", by="scores"),
    "random": RandomPairs(of="responses", seed=2),
    "versus": Versus(of="responses", against="edits", by="scores"),
    "edited": EditedPairs(
        of="edits", originals="responses", by="edit_scores", originals_by="scores", most_changed=1
    ),
    "graded": GradedPairs(of="edits", originals="responses"),
}


def with_cut(tables: Tables, *ids: str) -> Tables:
    return tables | {name: cut_off(tables[name], *ids) for name in ("responses", "edits")}


@pytest.mark.parametrize("kind", PAIRS)
def test_a_pair_is_dropped_if_its_chosen_side_was_cut_off(tables: Tables, kind: str) -> None:
    made = PAIRS[kind]
    whole: Split = made.run(with_cut(tables))
    assert whole.kept["ends"].to_list() == [None] * whole.kept.height
    chosen = whole.kept["chosen_id"][0]
    cut = made.run(with_cut(tables, chosen))
    assert chosen not in cut.kept["chosen_id"]
    assert REASON in cut.dropped["reason"].to_list()
    kept = made.model_copy(update={"cut": "keep"}).run(with_cut(tables, chosen)).kept
    row = kept.row(by_predicate=pl.col("chosen_id") == chosen, named=True)
    assert row["ends"] == {"chosen": False, "rejected": True}


@pytest.mark.parametrize("kind", PAIRS)
def test_a_rejected_side_that_was_cut_off_stays_and_does_not_end(tables: Tables, kind: str) -> None:
    before = PAIRS[kind].run(with_cut(tables)).kept
    rejected = before["rejected_id"][0]
    kept = PAIRS[kind].run(with_cut(tables, rejected)).kept
    assert kept["pair_id"].to_list() == before["pair_id"].to_list()
    row = kept.row(by_predicate=pl.col("rejected_id") == rejected, named=True)
    assert row["ends"] == {"chosen": True, "rejected": False}


@pytest.mark.parametrize("made", [Imitate(of="responses"), Best(of="responses", by="scores", n=2)])
def test_a_demonstration_that_was_cut_off_is_dropped(tables: Tables, made: Filter) -> None:
    cut = with_cut(tables, "p-0")
    split = made.run(cut)
    assert split.kept.select("response_id", "ends").rows() == [("p-1", None)]
    assert split.dropped.select("row_id", "reason").rows() == [
        ("p-0", "the answer was cut off at 1,024 tokens")
    ]
    kept = made.model_copy(update={"cut": "keep"}).run(cut).kept
    assert dict(kept.select("response_id", "ends").iter_rows()) == {"p-0": False, "p-1": None}


def test_a_prompt_whose_best_answers_were_cut_off_is_dropped(tables: Tables) -> None:
    split = Best(of="responses", by="scores").run(with_cut(tables, "p-0"))
    assert split.kept.is_empty()
    assert split.dropped["row_id"].to_list() == ["p-0", "p"]


TREE = grove(
    {
        "cut right": {"terminal_correct": True, "finish": "length", "value": 1.0},
        "right": {"terminal_correct": True, "finish": "stop", "value": 0.75},
        "wrong": {"terminal_correct": False, "finish": "stop", "value": 0.5},
        "cut wrong": {"terminal_correct": False, "finish": "length", "value": 0.0},
    }
).tables
KEEP = {"of": "nodes", "cut": "keep"}


def test_an_answer_of_a_tree_that_was_cut_off_is_not_used() -> None:
    assert Traces(of="nodes").run(TREE).kept["response_id"].to_list() == ["root/right"]
    traces = Traces(**KEEP).run(TREE).kept
    ends = dict(traces.select("response_id", "ends").iter_rows())
    assert ends == {"root/cut right": False, "root/right": None}
    (ranked,) = RankedTraces(of="nodes").run(TREE).kept.rows(named=True)
    assert (ranked["completions"], ranked["ends"]) == (["right", "wrong"], None)
    (ranked,) = RankedTraces(**KEEP).run(TREE).kept.rows(named=True)
    assert ranked["ends"] == [False, True, True, False]
    (pair,) = BranchPairs(of="nodes").run(TREE).kept.rows(named=True)
    assert (pair["chosen_id"], pair["rejected_id"]) == ("root/right", "root/wrong")
    whole = TreeAnswers(of="nodes").run(TREE).kept
    assert whole["response_id"].to_list() == ["root/right", "root/wrong"]
    assert TreeAnswers(**KEEP).run(TREE).kept.filter(finish="length").height == 2


def test_a_step_of_a_tree_that_was_cut_off_is_rejected_and_never_chosen() -> None:
    (pair,) = SiblingPairs(of="nodes").run(TREE).kept.rows(named=True)
    assert (pair["chosen_id"], pair["rejected_id"]) == ("root/right", "root/cut wrong")
    assert pair["ends"] == {"chosen": True, "rejected": False}
    (pair,) = SiblingPairs(of="nodes", against="next").run(TREE).kept.rows(named=True)
    assert (pair["chosen_id"], pair["rejected_id"]) == ("root/right", "root/wrong")
    (pair,) = SiblingPairs(**KEEP).run(TREE).kept.rows(named=True)
    assert pair["ends"] == {"chosen": False, "rejected": False}


def test_a_part_of_a_step_has_neither_label_nor_value() -> None:
    steps = in_steps({"r": ["Gains 2.\n", "Doub"]})
    scores = mean_scores({"by": {"r": {0: [1.0], 1: [0.0]}}})
    steps["responses"] = cut_off(steps["responses"], "r")
    labels = LabelSteps(of="responses", by="by").run({**steps, **scores}).kept
    assert labels["labels"].to_list() == [[True, None]]
    assert labels["first_error"].to_list() == [None]
    kept = LabelSteps(of="responses", by="by", cut="keep").run({**steps, **scores}).kept
    assert kept["labels"].to_list() == [[True, False]]
    paths = PrefixValues(of="nodes").run(TREE).kept
    assert paths["response_id"].to_list() == ["root/right", "root/wrong"]


def test_a_tree_of_before_ends_were_kept_is_read_as_complete() -> None:
    before = TREE | {"nodes": TREE["nodes"].with_columns(finish=pl.lit(None, pl.String))}
    assert Traces(of="nodes").run(before).kept["ends"].to_list() == [None, None]
