"""Pictures of trees and solutions: what they show, what they leave out, and that no text draws."""

import base64
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators import StepVerifier
from assets.charts import (
    Judged,
    Picture,
    labelled,
    pictures,
    scored,
    solution_picture,
    thinned,
    tree_picture,
)
from assets.charts.words import lines
from assets.rendering.markdown import escaped
from schemas import Nodes, Pairs, Prompts, Responses, Scores, StepLabels, empty, rows

EVIL = "</svg><script>document.title = 'owned'</script><!-- ]]> &lt; \x00\x1b\ufffe"
ORIGIN: dict[str, Any] = {
    "operator": "t",
    "model": None,
    "parameters": "{}",
    "seed": None,
    "parents": [],
}


def nodes(*told: tuple[str | None, int, dict[str, Any]], prompt: str = "p") -> pl.DataFrame:
    """Nodes named by their place, ``"0"`` and so on: (parent, visits, other fields)."""
    depths: dict[str, int] = {}
    found = []
    for number, (parent, visits, more) in enumerate(told):
        depths[str(number)] = 0 if parent is None else depths[parent] + 1
        found.append(
            {
                "node_id": f"{prompt}{number}",
                "parent_id": None if parent is None else f"{prompt}{parent}",
                "prompt_id": prompt,
                "depth": depths[str(number)],
                "step": "" if parent is None else f"step {number}",
                "visits": visits,
                "value": 0.5,
                "expanded": True,
                "terminal": False,
                "origin": ORIGIN,
                **more,
            }
        )
    return rows(Nodes, found)


def end(right: bool | None, **more: Any) -> dict[str, Any]:
    return {"terminal": True, "terminal_correct": right, **more}


TREE = nodes(
    (None, 9, {"value": 0.25}),
    ("0", 6, {}),
    ("0", 3, {}),
    ("1", 4, end(True, value=1.0)),
    ("1", 1, end(False, value=0.0)),
    ("2", 2, end(None, value=None)),
)


def drawn(picture: Picture) -> tuple[str, list[ElementTree.Element]]:
    """All text of a picture, and its elements; it is XML, inside a page and alone."""
    ElementTree.fromstring(str(picture.inside()))
    root = ElementTree.fromstring(picture.alone())
    elements = list(root.iter())
    texts = [element.text or "" for element in elements if element.tag.endswith("}text")]
    return "\n".join(texts), elements


def test_a_tree_shows_steps_visits_values_and_ends() -> None:
    text, _ = drawn(tree_picture(TREE, "How many?"))
    for told in ("How many?", "the prompt", "step 3", "0.25", "✓ right", "✗ wrong", "—"):
        assert told in text
    assert "6 nodes, 3 ends: 1 right, 1 wrong, 1 nobody can tell" in text
    assert "left out" not in text


def test_a_big_tree_shows_what_was_visited_most_and_says_what_it_leaves_out() -> None:
    text, _ = drawn(tree_picture(TREE, "How many?", most=3))
    assert "step 1" in text
    assert "step 3" in text
    assert "step 2" not in text
    assert "3 less visited nodes are left out" in text


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9)), max_size=30), st.integers(1, 40))
def test_what_is_shown_hangs_together(told: list[tuple[int, int]], most: int) -> None:
    made: list[tuple[str | None, int, dict[str, Any]]] = [(None, 10, {})]
    for number, (parent, visits) in enumerate(told):
        made.append((str(parent % (number + 1)), visits, {}))
    tree = nodes(*made)
    branches = thinned(tree, most)
    assert len(branches) == min(most, tree.height)
    shown = {branch.node["node_id"] for branch in branches}
    assert len(shown) == len(branches)
    hidden = tree.filter(~pl.col("node_id").is_in(shown))
    for place, branch in enumerate(branches):
        if branch.parent is None:
            assert branch.node["parent_id"] is None
        else:
            assert branch.parent < place
            assert branches[branch.parent].node["node_id"] == branch.node["parent_id"]
            assert branch.depth == branch.node["depth"]
        mine = hidden.filter(parent_id=branch.node["node_id"])
        assert branch.hidden == mine.height


def test_a_tree_that_lost_a_node_is_shown_in_parts() -> None:
    parts = thinned(TREE.filter(pl.col("node_id") != "p1"), 9)
    assert [branch.node["node_id"] for branch in parts if branch.parent is None] == [
        "p0",
        "p3",
        "p4",
    ]


def test_deep_and_single_trees_are_drawn() -> None:
    chain = nodes((None, 1, {}), *((str(n), 1, {"step": "x" * 500}) for n in range(400)))
    text, _ = drawn(tree_picture(chain, "p " * 900))
    assert "less visited nodes are left out" in text
    drawn(tree_picture(nodes((None, 0, {"value": None})), ""))


def test_a_solution_shows_each_step_with_its_value_and_its_label() -> None:
    row = rows(
        StepLabels,
        [
            {
                "response_id": "r",
                "prompt_id": "p",
                "prompt": [{"role": "user", "content": "2 + 2?"}],
                "completions": ["First.\n", "\n", "Answer: 5"],
                "labels": [True, None, False],
                "values": [0.75, None, -0.5],
                "first_error": 2,
            }
        ],
    ).row(0, named=True)
    text, _ = drawn(solution_picture(labelled(row), scale=(-1, 1)))
    for told in ("2 + 2?", "First.", "(empty)", "0.75", "−0.50", "✓ right", "✗ wrong"):
        assert told in text
    assert "3 steps, first wrong step 3" in text


def test_a_long_solution_is_shown_up_to_its_first_wrong_step() -> None:
    steps = [f"line {number}" for number in range(100)]
    judged = Judged("p", steps, [1.0] * 60 + [0.0] * 40, [None] * 100, 60)
    text, _ = drawn(solution_picture(judged))
    assert "line 60" in text
    assert "line 61" not in text
    assert "steps 38 to 61 of 100; the others are left out" in text


def test_scores_of_the_whole_and_of_the_prompt_are_told_beside_the_steps() -> None:
    told: list[dict[str, Any]] = [
        {"step": None, "value": 0.5},
        {"step": -1, "value": 0.19},
        {"step": 1, "value": 1.0},
    ]
    judged = scored("p", ["a", "b"], told)
    assert judged.values == [None, 1.0]
    assert judged.notes == ["before any step 0.19", "whole answer 0.50"]


def test_text_of_a_model_is_text() -> None:
    tree = nodes((None, 1, {}), ("0", 1, {"step": EVIL}))
    judged = Judged(EVIL, [EVIL, EVIL * 50], [0.0, 1.0], [True, None])
    for picture in (tree_picture(tree, EVIL), solution_picture(judged)):
        text, elements = drawn(picture)
        assert "</svg><script>" in text
        assert "<script" not in picture.alone()
        assert "script" not in {element.tag.rpartition("}")[2] for element in elements}
        for element in elements:
            assert not {"style", "href", "onload"} & set(element.keys())


@given(st.text(), st.integers(2, 40), st.integers(1, 4))
def test_any_text_is_cut_to_its_room(text: str, cells: int, most: int) -> None:
    found = lines(text, cells, most)
    assert len(found) <= most
    assert all(line and len(line.encode()) for line in found)
    drawn(solution_picture(Judged(text, [text], [None], [None])))


RESPONSES = StepVerifier(of="responses")


def read() -> dict[str, pl.DataFrame]:
    """The tables that an annotator of three responses of two steps reads."""
    message = [{"role": "user", "content": "How many pears?"}]
    prompt = {"prompt_id": "p", "messages": message, "source": "s", "licence": "CC0-1.0"}
    spans = [
        {"start": 0, "end": 4, "token_start": 0, "token_end": 4},
        {"start": 4, "end": 8, "token_start": 4, "token_end": 8},
    ]
    answer = {"prompt_id": "p", "finish": "stop", "tokens": 8, "origin": ORIGIN, "steps": spans}
    responses = [{"response_id": f"r{n}", "text": f"one\nend{n}", **answer} for n in range(3)]
    return {
        "prompts": rows(Prompts, [{**prompt, "source_revision": "1"}]),
        "responses": rows(Responses, responses),
    }


def scores(*told: tuple[str, int | None, float]) -> pl.DataFrame:
    return rows(
        Scores,
        [
            {"response_id": i, "step": s, "value": v, "annotator": "a", "origin": ORIGIN}
            for i, s, v in told
        ],
    )


def svg(shown: Any) -> str:
    before, _, encoded = str(shown.value).partition("data:image/svg+xml;base64,")
    assert before.startswith("![")
    return base64.b64decode(encoded.removesuffix(")")).decode()


@pytest.mark.parametrize("table", [Pairs, Responses, StepLabels, Nodes, Scores])
def test_a_stage_of_no_rows_has_no_pictures(table: Any) -> None:
    assert pictures(table, RESPONSES, empty(table), read()) == {}


def test_step_scores_are_pictured_with_the_steps_they_are_of() -> None:
    kept = scores(("r0", 0, 1.0), ("r0", 1, 0.9), ("r1", 0, 1.0), ("r1", 1, 0.0), ("r1", None, 0.0))
    shown = pictures(Scores, RESPONSES, kept, read())
    # The one whose steps differ tells more than the other.
    assert list(shown) == ["solution 1"]
    for told in ("How many pears?", "one", "end1", "whole answer 0.00"):
        assert told in svg(shown["solution 1"])


def test_scores_of_whole_responses_and_of_steps_that_nobody_cut_have_no_pictures() -> None:
    assert pictures(Scores, RESPONSES, scores(("r0", None, 1.0)), read()) == {}
    uncut = read()
    uncut["responses"] = uncut["responses"].with_columns(steps=pl.lit(None))
    assert pictures(Scores, RESPONSES, scores(("r0", 0, 1.0)), uncut) == {}


def test_few_trees_are_pictured_those_with_right_and_wrong_ends_first() -> None:
    plain = nodes((None, 1, {}), ("0", 1, {}), prompt="a")
    both = [
        nodes((None, 2, {}), ("0", 1, end(True)), ("0", 1, end(False)), prompt=f"[{number}]")
        for number in range(9)
    ]
    shown = pictures(Nodes, RESPONSES, pl.concat([plain, *both]), {})
    assert list(shown) == ["tree 1", "tree 2", "tree 3"]
    for number, picture in zip((0, 3, 6), shown.values(), strict=True):
        assert f"[{number}]" in svg(picture)
        assert escaped(f"[{number}]") in str(picture.value)
    (only,) = pictures(Nodes, RESPONSES, plain, read()).values()
    assert len(str(only.value)) < 20_000
