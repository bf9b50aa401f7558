"""Refine: revisions after a checklist's failed items, or after the model's own critique."""

import json
from typing import Any

import polars as pl

from generators import Refine
from schemas import Scores, rows


def marks(**raws: tuple[str | None, str | None]) -> pl.DataFrame:
    origin = {"operator": "t", "model": None, "parameters": "{}", "seed": None, "parents": []}
    return rows(
        Scores,
        [
            {
                "response_id": name.replace("_", "-"),
                "annotator": "checklist",
                "value": 0.5 if error is None else None,
                "raw": raw,
                "error": error,
                "origin": origin,
            }
            for name, (raw, error) in raws.items()
        ],
    )


def ticked(**items: float) -> str:
    named = [f"Is it {name}?" for name in items]
    return json.dumps({"items": named, "answers": list(items.values())})


def test_failed_items_are_the_critique(answered: Any, speaking: Any, stand: Any) -> None:
    tables = answered({"How many?": ["9"]}) | {
        "marks": marks(**{"How many?_0": (ticked(short=0.9, right=0.2, whole=0.5), None)})
    }
    split = Refine(by="marks").run(tables, speaking(lambda text: "10"))
    assert split.dropped.is_empty()
    assert split.kept["text"].to_list() == ["10"]
    origin = split.kept["origin"][0]
    assert origin["parents"] == ["How many?-0"]
    assert json.loads(origin["parameters"])["rounds"] == 1
    ((asked, *_),) = stand.asked
    assert "Is it right? No.\nIs it whole? No." in asked
    assert "Is it short?" not in asked
    assert "How many?" in asked
    assert "\n9\n" in asked


def test_what_cannot_be_mended_is_dropped_with_the_reason(answered: Any, speaking: Any) -> None:
    tables = answered({"p": ["passes", "unread", "odd", "unscored", "same"]}) | {
        "marks": marks(
            p_0=(ticked(right=0.9), None),
            p_1=("nothing", "no question could be read"),
            p_2=("4", None),
            p_4=(ticked(right=0.1), None),
        )
    }
    split = Refine(by="marks").run(tables, speaking(lambda text: " same\n"))
    assert split.kept.is_empty()
    assert split.dropped.select("row_id", "reason").rows()[:5] == [
        ("p-0", "nothing to mend"),
        ("p-1", "score is an error"),
        ("p-2", "score is no checklist's"),
        ("p-3", "no score"),
        ("p-4", "the edit changed nothing"),
    ]


def test_without_scores_the_model_criticises_each_round(
    answered: Any, speaking: Any, stand: Any
) -> None:
    said = iter(["too low", "10", "too high", "11"])
    split = Refine(rounds=2).run(answered({"p": ["9"]}), speaking(lambda text: next(said)))
    assert split.kept["text"].to_list() == ["11"]
    asked = [text for text, *_ in stand.asked]
    assert "too low" in asked[1]
    assert "\n9\n" in asked[1]
    assert "too high" in asked[3]
    assert "\n10\n" in asked[3]


def test_the_second_round_does_not_repeat_the_checklist(
    answered: Any, speaking: Any, stand: Any
) -> None:
    tables = answered({"p": ["9"]}) | {"marks": marks(p_0=(ticked(right=0.2), None))}
    said = iter(["10", "too high", "11"])
    Refine(by="marks", rounds=2).run(tables, speaking(lambda text: next(said)))
    asked = [text for text, *_ in stand.asked]
    assert ["Is it right? No." in text for text in asked] == [True, False, False]
