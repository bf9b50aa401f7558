"""TreeSearch: trees of known worlds, extended, interrupted, in any order, and their edge cases."""

import dataclasses
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from annotators import RolloutValue
from engines.protocol import EngineError
from generators import Proposer, TreeSearch
from generators.search.proposer import AHEAD, first_line
from schemas import Nodes, load_operator
from tests.generators.searched import Hopes, lines_after, searching

ASKED = ("one", "two", "three", "a single letter", "it gets too long", "an unreadable reference")
SELECTIONS = ("puct", "uct", "best_first", "omega")
BACKUPS = ("own", "mean", "max", "children", "alpha", "rest")


def search(**changes: Any) -> TreeSearch:
    return TreeSearch.model_validate({"simulations": 6, "scorer": Hopes(), **changes})


def children(nodes: pl.DataFrame, node_id: str | None) -> pl.DataFrame:
    return nodes.filter(pl.col("parent_id").eq_missing(node_id))


def text_of(nodes: dict[str, dict[str, Any]], node_id: str | None) -> str:
    """All steps down to a node, one after the other."""
    if node_id is None:
        return ""
    return text_of(nodes, nodes[node_id]["parent_id"]) + str(nodes[node_id]["step"])


@pytest.mark.parametrize("backup", BACKUPS)
@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_tree_is_made_of_what_the_policy_writes(stand: Any, selection: str, backup: str) -> None:
    tables = {"prompts": stand.prompts(*ASKED)}
    split = search(selection={"by": selection}, backup=backup).run(tables, searching(stand))
    assert split.dropped.is_empty()
    assert not Nodes.filter(split.kept, cast=True)[1].details().height
    rows = {row["node_id"]: row for row in split.kept.iter_rows(named=True)}
    assert (
        split.kept.filter(pl.col("parent_id").is_null())["prompt_id"].to_list()
        == tables["prompts"]["prompt_id"].to_list()
    )
    texts = {text_of(rows, node_id) for node_id in rows}
    assert len(texts) > len(ASKED)
    for node_id, row in rows.items():
        subtree = children(split.kept, node_id)
        assert subtree.height == 0 or row["expanded"]
        assert row["visits"] == subtree["visits"].sum() + (row["expanded"] or row["terminal"])
        if subtree.height:
            assert subtree["prior"].sum() == pytest.approx(1)
            assert subtree["step"].n_unique() == subtree.height
        if row["terminal"]:
            right = None if row["error"] else "b" not in text_of(rows, node_id)
            assert row["terminal_correct"] == right
            assert text_of(rows, node_id).count("Answer") == 1


def test_one_expansion_a_simulation_and_no_more_than_there_is(stand: Any) -> None:
    context = searching(stand)
    split = search(simulations=4).run({"prompts": stand.prompts("one", "two")}, context)
    per_tree = split.kept.group_by("prompt_id").agg(pl.col("expanded").sum())
    assert per_tree["expanded"].to_list() == [4, 4]
    assert split.report.findings["simulations"] == 8
    assert split.report.findings["proposals"] == 8 * 4
    assert split.report.findings["nodes"] == split.kept.height
    assert split.report.findings["depth"] == split.kept["depth"].max()
    whole = search(simulations=500).run({"prompts": stand.prompts("one")}, searching(stand))
    assert whole.kept.filter(~pl.col("expanded") & ~pl.col("terminal")).is_empty()
    assert whole.kept["expanded"].sum() < 500


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(
    first=st.integers(1, 6),
    second=st.integers(1, 6),
    selection=st.sampled_from(SELECTIONS),
    backup=st.sampled_from(BACKUPS),
    shuffle=st.integers(0, 5),
)
def test_an_extended_tree_is_that_of_one_longer_search(
    stand: Any, first: int, second: int, selection: str, backup: str, shuffle: int
) -> None:
    made: dict[str, Any] = {"selection": {"by": selection}, "backup": backup}
    tables = {"prompts": stand.prompts(*ASKED)}
    before = search(simulations=first, **made).run(tables, searching(stand)).kept
    mixed = tables | {"before": before.sample(fraction=1, shuffle=True, seed=shuffle)}
    again = search(simulations=second, tree="before", **made).run(mixed, searching(stand))
    whole = search(simulations=first + second, **made).run(tables, searching(stand))
    assert_frame_equal(again.kept, whole.kept)


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(ASKED), window=st.integers(1, 4))
def test_the_order_of_prompts_and_what_runs_beside_changes_nothing(
    stand: Any, order: list[str], window: int
) -> None:
    expected = search().run({"prompts": stand.prompts(*ASKED)}, searching(stand)).kept
    found = search().run({"prompts": stand.prompts(*order)}, searching(stand, window=window)).kept
    assert_frame_equal(found.sort("node_id"), expected.sort("node_id"))


def test_ids_are_of_the_path_alone(stand: Any) -> None:
    tables = {"prompts": stand.prompts(*ASKED)}
    few = search(simulations=2).run(tables, searching(stand)).kept
    other = search(simulations=8, selection={"by": "uct"}, scorer=None, backup="alpha")
    many = other.run(tables, searching(stand)).kept
    both = few.join(many, on="node_id")
    assert both.height >= 6
    assert (both["step"] == both["step_right"]).all()


def test_asked_again_it_costs_nothing(stand: Any) -> None:
    tables = {"prompts": stand.prompts(*ASKED)}
    first = search().run(tables, searching(stand))
    asked = len(stand.asked)
    again = search().run(tables, searching(stand))
    assert_frame_equal(again.kept, first.kept)
    # What is too long was never answered, and is asked once more.
    new = [text for text, _ in stand.asked[asked:]]
    assert all("too long" in text for text in new)


def test_a_single_child_and_a_prompt_always_solved(stand: Any) -> None:
    nodes = search(simulations=20).run({"prompts": stand.prompts("single")}, searching(stand)).kept
    assert nodes.group_by("parent_id").len()["len"].min() == 1
    ends = nodes.filter("terminal")
    assert ends["terminal_correct"].all()
    assert nodes["value"].drop_nulls().to_list() == [1.0] * nodes["value"].count()


def test_a_prompt_never_solved_is_kept_with_values_of_zero(stand: Any) -> None:
    def hopeless(asked: str, begun: str, seed: int) -> str:
        return lines_after(asked, begun, seed).replace("Answer", "bAnswer")

    tables = {"prompts": stand.prompts("one")}
    context = searching(stand, hopeless)
    split = TreeSearch(simulations=60).run(tables, context)
    nodes = split.kept
    assert not nodes.filter("terminal")["terminal_correct"].any()
    assert nodes.filter(pl.col("depth") == 0)["value"].to_list() == [0.0]
    assert split.report.findings["prompts with a right end"] == 0
    rest = TreeSearch(simulations=60, backup="rest").run(tables, searching(stand, hopeless)).kept
    assert rest["value"].null_count() == rest.height


def test_solutions_without_an_answer_are_wrong_ends(stand: Any) -> None:
    context = searching(stand, lambda asked, begun, seed: "I give up")
    nodes = TreeSearch().run({"prompts": stand.prompts("one")}, context).kept
    assert nodes.select("step", "terminal", "terminal_correct", "own").rows()[1:] == [
        ("I give up", True, False, 0.0)
    ]


def test_a_prompt_without_a_step_is_dropped(stand: Any) -> None:
    context = searching(stand, lambda asked, begun, seed: "" if "no" in asked else "Answer: 1")
    split = TreeSearch().run({"prompts": stand.prompts("no", "yes")}, context)
    assert split.kept["prompt_id"].n_unique() == 1
    assert split.dropped["reason"].to_list() == ["no step was proposed"]


def test_where_nothing_but_the_end_follows_is_an_end(stand: Any) -> None:
    context = searching(stand, lambda asked, begun, seed: "" if begun else "Answer: 1\nx")
    nodes = TreeSearch(simulations=5).run({"prompts": stand.prompts("one")}, context).kept
    (end,) = nodes.filter("terminal").rows(named=True)
    assert (end["step"], end["terminal_correct"], end["own"]) == ("Answer: 1\n", True, 1.0)
    assert nodes["visits"].to_list() == [2, 1]


def test_what_is_too_long_to_go_on_with_is_left_and_says_so(stand: Any) -> None:
    nodes = (
        search(simulations=40).run({"prompts": stand.prompts("too long")}, searching(stand)).kept
    )
    stuck = nodes.filter(pl.col("depth") == 2, "expanded")
    assert stuck.height
    assert stuck["error"].str.contains("900 tokens").all()
    assert nodes["depth"].max() == 2


def test_no_path_is_longer_than_max_steps(stand: Any) -> None:
    nodes = search(simulations=40, max_steps=2).run(
        {"prompts": stand.prompts("one")}, searching(stand)
    )
    assert nodes.kept["depth"].max() == 2
    assert not nodes.kept.filter(pl.col("depth") == 2)["expanded"].any()


def test_ends_mix_the_check_with_what_the_scorer_says(stand: Any) -> None:
    tables = {"prompts": stand.prompts("one", "two", "an unreadable reference")}
    nodes = search(simulations=30, outcome=0.5).run(tables, searching(stand)).kept
    rows = {row["node_id"]: row for row in nodes.iter_rows(named=True)}
    for row in nodes.filter("terminal").iter_rows(named=True):
        lines = text_of(rows, row["node_id"]).split()
        hope = 1 - lines.count("b") / len(lines)
        right = row["terminal_correct"]
        assert row["own"] == pytest.approx(hope if right is None else (hope + right) / 2)
    begun = nodes.filter(~pl.col("terminal"), pl.col("depth") > 0)
    assert (begun["own"].is_null() == begun["error"].is_not_null()).all()


def test_ends_without_a_check_have_the_value_of_their_score(stand: Any) -> None:
    made = search(outcome=0.0)
    assert search().needs_truth() == "check"
    assert made.needs_truth() is None
    context = dataclasses.replace(searching(stand), checks={})
    nodes = made.run({"prompts": stand.prompts("one", "two")}, context).kept
    ends = nodes.filter("terminal")
    assert ends.height
    assert ends["terminal_correct"].null_count() == ends.height
    assert ends["error"].null_count() == ends["own"].count() == ends.height


def test_without_a_back_up_a_value_is_what_the_scorer_says(stand: Any) -> None:
    made = search(backup="own", selection={"by": "best_first"})
    nodes = made.run({"prompts": stand.prompts(*ASKED)}, searching(stand)).kept
    assert nodes["value"].equals(nodes["own"].alias("value"))


def test_scores_on_another_scale_are_mapped(stand: Any) -> None:
    tables = {"prompts": stand.prompts("one", "two")}
    plain = search(selection={"by": "uct"}, simulations=1).run(tables, searching(stand)).kept
    scaled = search(selection={"by": "uct"}, simulations=1, scale=(-1, 1))
    found = scaled.run(tables, searching(stand)).kept
    begun = ~pl.col("terminal") & pl.col("own").is_not_null()
    both = plain.filter(begun).join(found, on="node_id")
    assert both.height
    assert both["own_right"].to_list() == [(one + 1) / 2 for one in both["own"]]


def test_plans_are_carried_out_by_one_child(stand: Any) -> None:
    def planning(asked: str, begun: str, seed: int) -> str:
        rest = lines_after(asked, begun, seed)
        return rest.replace("a\n", "Take: a\n").replace("c\n", "Drop: c\n")

    def go_on(asked: str, begun: str, seed: int) -> str:
        if begun.endswith((":", ": ")):
            return " 1" if begun.endswith("Answer:") else f" done\n{planning(asked, begun, seed)}"
        return planning(asked, begun, seed)

    context = searching(stand, go_on)
    made = search(simulations=20, proposer={"steps": "plan"})
    nodes = made.run({"prompts": stand.prompts("one")}, context).kept
    plans = nodes.filter(pl.col("step").str.ends_with(":"))
    assert set(plans["step"]) <= {"Take:", "Drop:", "Answer:"}
    carried = nodes.join(plans.select(parent_id="node_id"), on="parent_id", how="semi")
    assert carried.group_by("parent_id").len()["len"].to_list() == [1] * carried.height
    assert set(carried["step"]) <= {" done\n", " 1"}
    assert (carried["origin"].struct.field("seed").is_null()).all()
    assert nodes.filter("terminal")["step"].unique().to_list() == [" 1"]


def test_steps_come_from_the_rollouts_of_the_beginning(stand: Any) -> None:
    from engines.operators.rollouts import Rollouts

    assert Proposer().temperature == Rollouts().sampling.temperature
    nodes = search(simulations=1).run({"prompts": stand.prompts("one")}, searching(stand)).kept
    firsts = {first_line(lines_after("user: one", "", seed))[0] for _, seed in stand.asked}
    assert set(nodes["step"]) == {"", *firsts}


def test_looking_less_far_ahead_proposes_the_same(stand: Any) -> None:
    tables = {"prompts": stand.prompts("one", "two", "single")}
    whole = search().run(tables, searching(stand)).kept
    texts = len(stand.asked)
    for lookahead in (1, 2, 9, 300):
        context = searching(stand, journal=stand.folder / f"{lookahead}.sqlite")
        near = search(proposer={"lookahead": lookahead}).run(tables, context).kept
        same = ["node_id", "step", "visits", "value", "prior", "terminal", "terminal_correct"]
        assert_frame_equal(near.select(same), whole.select(same))
    assert len(stand.asked) > 5 * texts


def test_texts_are_drawn_whole_only_for_rollouts_that_share_them() -> None:
    proposer = Proposer()
    shared, other = RolloutValue(of="of"), RolloutValue(of="of", temperature=0.5)
    assert proposer.for_scorer(shared).lookahead is None
    assert proposer.for_scorer(other).lookahead == proposer.for_scorer(None).lookahead == AHEAD
    assert Proposer(lookahead=9).for_scorer(None).lookahead == 9


def test_an_earlier_tree_that_is_none_drops_its_prompt(stand: Any) -> None:
    tables = {"prompts": stand.prompts("one", "two")}
    before = search().run(tables, searching(stand)).kept
    first = before["prompt_id"][0]
    roots = pl.col("parent_id").is_null() & (pl.col("prompt_id") == first)
    split = search(tree="before").run(tables | {"before": before.filter(~roots)}, searching(stand))
    assert split.dropped.select("row_id", "reason").rows() == [(first, "ValueError")]
    assert "its parent is missing" in split.dropped["numbers"][0]


def test_a_source_without_a_check_stops_the_search(stand: Any) -> None:
    context = dataclasses.replace(searching(stand), checks={"test": "nowhere.at_all"})
    with pytest.raises(EngineError, match="source 'test' has an unknown check"):
        TreeSearch().run({"prompts": stand.prompts("one")}, context)
    assert not stand.asked


def test_a_recipe_says_it_all_in_yaml() -> None:
    made = load_operator(
        {
            "use": "generators.TreeSearch",
            "selection": {"by": "uct", "c": 1.0},
            "proposer": {"n": 3, "steps": "plan"},
            "scorer": {"use": "annotators.PTrue", "model": "judge"},
            "outcome": 0.5,
        }
    )
    assert [read.stage for read in made.inputs()] == ["prompts"]
    assert {use.role for use in made.roles()} == {"policy", "judge"}
    for wrong in ({"selection": {"by": "luck"}}, {"outcome": 0.5}, {"scale": [1, 0]}):
        with pytest.raises(ValidationError):
            load_operator({"use": "generators.TreeSearch", **wrong})


def test_an_end_that_was_cut_off_is_not_checked(stand: Any) -> None:
    tables = {"prompts": stand.prompts("one")}
    proposer = {"max_tokens": 9}
    context = searching(stand, lambda asked, begun, seed: "Answer: 1 or so")
    (end,) = TreeSearch(proposer=proposer).run(tables, context).kept.rows(named=True)[1:]
    assert (end["terminal"], end["terminal_correct"]) == (True, None)
    assert end["error"] == "cut off at 9 tokens"
    (end,) = (
        TreeSearch(proposer=proposer, cut="read").run(tables, context).kept.rows(named=True)[1:]
    )
    assert end["terminal_correct"] is not None
