"""What the rules of step-level tables let through, and under which name they refuse the rest."""

from typing import Any

import pytest

from schemas import (
    Criteria,
    Demonstrations,
    Nodes,
    Pairs,
    Rankings,
    Responses,
    StepLabels,
    Table,
    TokenScores,
    accept,
    rows,
)

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
ASKED = [{"role": "user", "content": "2 + 2 + 2"}]


def spans(*cuts: tuple[int, int, int, int]) -> list[dict[str, int]]:
    names = ("start", "end", "token_start", "token_end")
    return [dict(zip(names, cut, strict=True)) for cut in cuts]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


TILED = spans((0, 2, 0, 1), (2, 5, 1, 3))

SOUND: dict[type[Table], dict[str, Any]] = {
    Responses: {
        "response_id": "r",
        "prompt_id": "p",
        "text": "4\n6é.",
        "steps": TILED,
        "finish": "stop",
        "tokens": 3,
        "origin": ORIGIN,
    },
    StepLabels: {
        "response_id": "r",
        "prompt_id": "p",
        "prompt": ASKED,
        "completions": ["4\n", "6é."],
        "spans": TILED,
        "labels": [True, None],
        "values": [0.5, None],
        "first_error": 1,
    },
    Nodes: {
        "node_id": "n",
        "parent_id": "root",
        "prompt_id": "p",
        "depth": 1,
        "step": "4\n",
        "visits": 2,
        "value": 0.5,
        "own": 0.25,
        "prior": 1.0,
        "expanded": True,
        "terminal": False,
        "terminal_correct": None,
        "error": None,
        "origin": ORIGIN,
    },
    Rankings: {
        "ranking_id": "k",
        "prompt_id": "p",
        "prompt": ASKED,
        "completions": ["a", "b", "c"],
        "rewards": [1.0, 0.5, 0.5],
        "steps": [[1], [1], [1]],
    },
    Pairs: {
        "pair_id": "i",
        "prompt_id": "p",
        "prompt": ASKED,
        "chosen": said("4é"),
        "rejected": said("4è"),
        "chosen_id": "c",
        "rejected_id": "r",
        "margin": 0.5,
        "weight": 1.0,
        "shared_prefix": 1,
        "ends": {"chosen": True, "rejected": False},
    },
    Demonstrations: {
        "demonstration_id": "d",
        "prompt_id": "p",
        "messages": [*ASKED, *said("6")],
    },
    TokenScores: {
        "response_id": "r",
        "annotator": "a",
        "tokenizer": "t",
        "token_ends": [1, 2, 2, 4],
        "values": [0.5, -0.5, 0.0, 0.25],
        "end_value": 0.125,
        "origin": ORIGIN,
    },
    Criteria: {
        "criterion_id": "c",
        "rubric": "helpful",
        "version": 1,
        "name": "brief",
        "text": "It is brief.",
        "kind": "yes_no",
        "negated": False,
        "weight": 1.0,
        "origin": ORIGIN,
    },
}


def turns(*said: tuple[str, int, int]) -> list[dict[str, Any]]:
    return [dict(zip(("role", "start", "end"), turn, strict=True)) for turn in said]


def reason(table: type[Table], changes: dict[str, Any]) -> str | None:
    """Why a sound row with ``changes`` is refused; None if it is not."""
    split = accept(
        table,
        rows(table, [SOUND[table] | changes]),
        stage="s",
        unit=table.primary_key()[0],
    )
    assert split.kept.height + split.dropped.height == 1
    return None if split.dropped.is_empty() else split.dropped["reason"].item()


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        *((table, {}) for table in SOUND),
        (Responses, {"steps": None}),
        (Responses, {"steps": spans((0, 5, 0, 3))}),
        (StepLabels, {"spans": None}),
        (StepLabels, {"labels": [None, None], "values": [None, None], "first_error": None}),
        (StepLabels, {"values": [-0.5, 3.0]}),
        (Nodes, {"parent_id": None, "depth": 0, "step": ""}),
        (Nodes, {"value": None, "own": None, "prior": None, "visits": 0}),
        (Nodes, {"terminal": True, "terminal_correct": None, "error": "no reference"}),
        (Nodes, {"terminal": True, "terminal_correct": False}),
        (Rankings, {"completions": ["a", "bcd", "ef"], "steps": [[1], [1, 3], [2]]}),
        (Pairs, {"shared_prefix": None, "ends": None}),
        (Pairs, {"shared_prefix": 0}),
        (Pairs, {"chosen": said("4"), "shared_prefix": 1}),
        (Rankings, {"rewards": [0.0, 0.0, 0.0]}),
        (Responses, {"turns": turns(("assistant", 0, 2), ("tool", 2, 3), ("assistant", 3, 5))}),
        (Responses, {"turns": turns(("user", 0, 2), ("assistant", 2, 5))}),
        (Demonstrations, {"weight": 0.0}),
        (Demonstrations, {"weight": 2.5}),
        (TokenScores, {"end_value": None}),
        (Criteria, {"prompt_id": "p", "source": "a paper", "kind": "counted"}),
    ],
)
def test_sound_rows_are_kept(table: type[Table], changes: dict[str, Any]) -> None:
    assert reason(table, changes) is None


@pytest.mark.parametrize(
    ("table", "changes", "rule"),
    [
        (Responses, {"steps": []}, "steps_are_the_text"),
        (Responses, {"steps": spans((0, 2, 0, 1))}, "steps_are_the_text"),
        (Responses, {"steps": spans((0, 2, 0, 1), (3, 5, 1, 3))}, "steps_are_the_text"),
        (Responses, {"steps": spans((1, 2, 0, 1), (2, 5, 1, 3))}, "steps_are_the_text"),
        (Responses, {"steps": spans((0, 0, 0, 1), (0, 5, 1, 3))}, "steps_are_the_text"),
        (Responses, {"steps": spans((0, 2, 0, 1), (2, 5, 2, 3))}, "steps_are_the_text"),
        (StepLabels, {"labels": [True]}, "a_label_a_step"),
        (StepLabels, {"values": [0.5, None, None]}, "a_value_a_step"),
        (StepLabels, {"values": [float("nan"), 0.5]}, "values_are_numbers"),
        (StepLabels, {"first_error": 2}, "first_error_is_a_step"),
        (StepLabels, {"first_error": -1}, "first_error_is_a_step"),
        (StepLabels, {"spans": spans((0, 5, 0, 3))}, "spans_are_the_steps"),
        (StepLabels, {"spans": spans((0, 3, 0, 1), (3, 5, 1, 3))}, "spans_are_the_steps"),
        (Nodes, {"parent_id": None}, "a_root_has_no_parent"),
        (Nodes, {"depth": 0}, "a_root_has_no_parent"),
        (Nodes, {"value": float("nan")}, "values_are_numbers"),
        (Nodes, {"terminal_correct": True}, "only_ends_are_right_or_wrong"),
        *(
            (Rankings, {"steps": steps}, "steps_are_the_completions")
            for steps in ([[1], [1]], [[1], [2], [1]], [[1], [0, 1], [1]], [[1], [1, 1], [1]])
        ),
        (Pairs, {"shared_prefix": 2}, "both_begin_with_the_shared_prefix"),
        (Pairs, {"chosen": said("4"), "shared_prefix": 2}, "both_begin_with_the_shared_prefix"),
        (Rankings, {"rewards": [1.0, 0.5]}, "a_reward_a_completion"),
        (Rankings, {"completions": ["a", "b", "a"]}, "completions_differ"),
        (Rankings, {"rewards": [1.0, 0.5, 0.75]}, "rewards_fall_and_are_finite"),
        (Rankings, {"rewards": [1.0, 0.5, float("nan")]}, "rewards_fall_and_are_finite"),
        (Rankings, {"rewards": [float("inf"), 0.5, 0.5]}, "rewards_fall_and_are_finite"),
        *(
            (Responses, {"turns": turns(*said)}, rule)
            for said, rule in (
                ((), "turns_are_the_text"),
                ((("assistant", 0, 4),), "turns_are_the_text"),
                ((("assistant", 0, 2), ("tool", 3, 5)), "turns_are_the_text"),
                ((("assistant", 0, 0), ("tool", 0, 5)), "turns_are_the_text"),
                ((("tool", 0, 5),), "the_assistant_has_a_turn"),
                ((("assistant", 0, 2), ("system", 2, 5)), "the_assistant_has_a_turn"),
            )
        ),
        (Demonstrations, {"weight": float("inf")}, "weight_finite"),
        (TokenScores, {"values": [0.5]}, "a_value_a_token"),
        (TokenScores, {"token_ends": [2, 1, 2, 4]}, "tokens_follow"),
        (TokenScores, {"values": [0.5, float("nan"), 0.0, 0.0]}, "values_finite"),
        (TokenScores, {"end_value": float("inf")}, "values_finite"),
        (Criteria, {"weight": float("inf")}, "weight_finite"),
    ],
)
def test_a_broken_rule_drops_the_row_by_its_name(
    table: type[Table], changes: dict[str, Any], rule: str
) -> None:
    assert reason(table, changes) == rule


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        (StepLabels, {"completions": [], "labels": [], "values": [], "first_error": None}),
        (Nodes, {"value": 1.5}),
        (Rankings, {"completions": ["a"], "rewards": [1.0]}),
        (Demonstrations, {"weight": -1.0}),
        (TokenScores, {"token_ends": [], "values": []}),
        (Criteria, {"kind": "ranked"}),
        (Criteria, {"version": 0}),
    ],
)
def test_what_a_column_does_not_hold_is_refused(
    table: type[Table], changes: dict[str, Any]
) -> None:
    assert reason(table, changes) is not None
