"""OmegaPRM: which answers are searched, what becomes a node, and what each costs."""

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engines.bindings import Binding
from engines.protocol import EngineError, Generation, Rendered, Sampling
from filters import PrefixValues
from generators import OmegaPRM
from schemas import Nodes

LINES = 6


def ends_well(messages: Any, reference: str | None, text: str) -> bool:
    if "no reference" in messages[-1]["content"]:
        raise ValueError("the prompt has no reference answer")
    return text.endswith("end") and "bad" not in text and text.count("\n") == LINES


def writing(stand: Any, *, share: float = 0.15, **changes: Any) -> Any:
    """A context whose policy writes six lines and an end; each line goes bad with probability
    ``share``, and stays so. What is right before and wrong after is told by the first "bad"."""

    def opened(binding: Binding) -> Any:
        engine = stand.open(binding)

        async def generate(prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
            stand.asked.append((prompt.text, seed))
            begun = prompt.text.partition("assistant: ")[2]
            lines = []
            for number in range(begun.count("\n"), LINES):
                drawn = (seed >> (8 * number)) % 256 / 256
                bad = drawn < share or "hopeless" in prompt.text
                lines.append("bad\n" if bad and "easy" not in prompt.text else "fine\n")
            text = "" if begun.endswith("end") else "".join([*lines, "end"])
            tokens = tuple(range(len(lines) + 1))
            return Generation(text, tokens, tuple(-0.1 for _ in tokens), "stop")

        engine.generate = generate
        return engine

    return stand.context(open_engine=opened, checks={"test": f"{__name__}.ends_well"}, **changes)


def texts(nodes: pl.DataFrame) -> dict[str, str]:
    """The whole beginning of each node."""
    rows = {row["node_id"]: row for row in nodes.iter_rows(named=True)}

    def text(node_id: str) -> str:
        row = rows[node_id]
        return ("" if row["parent_id"] is None else text(row["parent_id"])) + str(row["step"])

    return {node_id: text(node_id) for node_id in rows}


def test_a_node_s_value_is_whether_it_went_bad(stand: Any) -> None:
    context = writing(stand)
    tables = {"prompts": stand.prompts("a", "b", "c")}
    split = OmegaPRM(k=8, searches=5).run(tables, context)
    assert split.dropped.is_empty()
    assert not Nodes.filter(split.kept, cast=True)[1].details().height
    found = texts(split.kept)
    for row in split.kept.iter_rows(named=True):
        text = found[row["node_id"]]
        assert (row["value"] == 0) == ("bad" in text)
        assert row["value"] == row["own"]
        if row["terminal"]:
            assert row["terminal_correct"] == ("bad" not in text)
        else:
            assert text == "" or text.endswith("\n")
    asked = split.kept.filter(~pl.col("terminal")).height * 8
    assert split.report.findings["rollouts"] == asked
    assert len(stand.asked) == asked
    assert split.report.findings["searches"] == split.kept["visits"].sum()


def test_the_first_error_of_each_searched_answer_lies_between_two_nodes(stand: Any) -> None:
    tables = {"prompts": stand.prompts("a", "b")}
    nodes = OmegaPRM(k=16, searches=20).run(tables, writing(stand)).kept
    found = texts(nodes)
    known = {found[row["node_id"]]: row["value"] for row in nodes.iter_rows(named=True)}
    ends = nodes.filter(pl.col("terminal") & ~pl.col("terminal_correct"))
    assert ends.height >= 10
    for node_id in ends["node_id"]:
        lines = found[node_id].splitlines(keepends=True)
        first = lines.index("bad\n")
        before, after = "".join(lines[:first]), "".join(lines[: first + 1])
        assert known[before] > 0
        assert known[after] == 0


def test_a_tree_is_of_steps_that_labels_can_be_read_from(stand: Any) -> None:
    tables = {"prompts": stand.prompts("a", "b")}
    tables["tree"] = OmegaPRM(k=8, searches=4).run(tables, writing(stand)).kept
    labels = PrefixValues(of="tree", right_above=0).run(tables).kept
    for row in labels.iter_rows(named=True):
        prefix = ""
        for step, label in zip(row["completions"], row["labels"], strict=True):
            prefix += step
            assert label in (None, "bad" not in prefix)
    assert labels.explode("labels")["labels"].value_counts().height >= 2


def test_a_child_hangs_on_its_longest_beginning(stand: Any) -> None:
    nodes = OmegaPRM(k=8, searches=10).run({"prompts": stand.prompts("a")}, writing(stand)).kept
    found = texts(nodes)
    inner = [found[one] for one in nodes.filter(~pl.col("terminal"))["node_id"]]
    parents = dict(nodes.select("node_id", "parent_id").iter_rows())
    for node_id, text in found.items():
        if text:
            above = [one for one in inner if text.startswith(one) and one != text]
            assert found[parents[node_id]] == max(above, key=len)
    assert len(set(found.values())) == len(found)


def test_wrong_answers_that_begin_well_are_searched_first(stand: Any) -> None:
    for asked in "abcde":
        tables = {"prompts": stand.prompts(asked)}
        first = OmegaPRM(k=8, searches=1).run(tables, writing(stand)).kept
        open_ones = first.filter(pl.col("value").is_between(0, 1, closed="none"))
        assert first["visits"].to_list() == [1] + [0] * (first.height - 1)
        second = OmegaPRM(k=8, searches=2, c_puct=0).run(tables, writing(stand)).kept
        again = second.filter((pl.col("visits") > 0) & (pl.col("depth") > 0))
        assert again["value"].to_list() == [open_ones["value"].max()]
        # With nothing but exploration, what was taken least comes next.
        wide = OmegaPRM(k=8, searches=3, c_puct=1e6).run(tables, writing(stand)).kept
        assert wide["visits"].max() == 1


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("easy", "every rollout ends right"),
        ("hopeless", "no rollout ends right"),
        ("no reference", "no rollout could be checked"),
    ],
)
def test_a_prompt_with_nothing_to_search_is_dropped(stand: Any, asked: str, reason: str) -> None:
    prompts = stand.prompts("a", asked)
    split = OmegaPRM(k=4, searches=2).run({"prompts": prompts}, writing(stand))
    assert split.dropped.select("row_id", "reason").rows() == [(prompts["prompt_id"][1], reason)]
    assert set(split.kept["prompt_id"]) == {prompts["prompt_id"][0]}


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(["a", "b", "c", "hopeless"]), window=st.integers(1, 4))
def test_neither_order_nor_company_changes_a_tree(
    stand: Any, order: list[str], window: int
) -> None:
    operator = OmegaPRM(k=4, searches=3)
    plain = operator.run({"prompts": stand.prompts("a", "b", "c", "hopeless")}, writing(stand))
    paid = len(stand.asked)
    turned = operator.run({"prompts": stand.prompts(*order)}, writing(stand, window=window))
    assert len(stand.asked) == paid
    assert_frame_equal(plain.kept.sort("node_id"), turned.kept.sort("node_id"))


def test_more_searches_go_on_from_fewer(stand: Any) -> None:
    tables = {"prompts": stand.prompts("a", "b")}
    few = OmegaPRM(k=8, searches=2).run(tables, writing(stand)).kept
    paid = len(stand.asked)
    many = OmegaPRM(k=8, searches=6).run(tables, writing(stand)).kept
    assert set(texts(few).values()) <= set(texts(many).values())
    assert len(stand.asked) == 8 * many.filter(~pl.col("terminal")).height
    assert len(stand.asked) > paid


def test_an_unknown_check_stops_the_stage_before_any_row(stand: Any) -> None:
    context = writing(stand)
    context.checks["test"] = "nowhere.check"
    with pytest.raises(EngineError, match=r"nowhere\.check"):
        OmegaPRM().run({"prompts": stand.prompts("a")}, context)
    assert not stand.asked
