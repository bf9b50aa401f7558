"""Held-out prompts answered before and after, checked, and each answer paid for once."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from engines.bindings import Binding
from engines.context import Context
from engines.protocol import EngineError
from schemas import Checkpoints, Prompts, prompt_id, rows
from trainers import Validate


def even(messages: Sequence[Any], reference: str | None, text: str) -> bool:
    """A check: right is what begins with a character of an even number."""
    if reference is None:
        raise ValueError("the prompt has no reference answer")
    return text[:1] != "" and ord(text[0]) % 2 == 0


CHECK = f"{__name__}.even"


def held_out(references: Sequence[str | None]) -> pl.DataFrame:
    records = []
    for n, reference in enumerate(references):
        messages = [{"role": "user", "content": f"question {n}"}]
        records.append(
            {
                "prompt_id": prompt_id(messages),
                "messages": messages,
                "reference": reference,
                "source": "trial",
                "source_revision": "1",
                "licence": "CC0-1.0",
            }
        )
    return rows(Prompts, records)


def checkpoint(path: Path, start: Path) -> pl.DataFrame:
    record = {
        "path": str(path),
        "start": str(start),
        "trained": path != start,
        "reason": None,
        "rows": 1,
        "steps": 1,
        "seconds": 1.0,
        "metrics": "{}",
    }
    return rows(Checkpoints, [record])


@pytest.fixture
def validate() -> Validate:
    # A tiny model ends no answer.
    return Validate(of="policy", samples=4, max_tokens=6, check=CHECK, cut="read")


@pytest.fixture(scope="module")
def other_model(
    tmp_path_factory: pytest.TempPathFactory, make_tiny_model: Callable[..., Path]
) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("other-model"), seed=1)


def test_sides_are_those_of_their_weights_and_paid_for_once(
    validate: Validate,
    tiny_model: Path,
    other_model: Path,
    context_for: Callable[..., Context],
) -> None:
    prompts = held_out(["even"] * 6)
    context = context_for(stage="validated")
    one = validate.run(
        {"policy": checkpoint(other_model, tiny_model), "held_out": prompts}, context
    )
    assert one.dropped.is_empty()
    assert one.kept["prompt_id"].to_list() == prompts["prompt_id"].to_list()
    assert one.report.usage.model_calls == 2 * 6 * (1 + 4)

    # The other way round nothing is left to ask.
    other = validate.run(
        {"policy": checkpoint(tiny_model, other_model), "held_out": prompts},
        dataclasses.replace(context, refresh="2026-11-02"),
    )
    assert other.report.usage.model_calls == 0
    for figure in ("greedy", "right"):
        assert one.kept[f"{figure}_before"].to_list() == other.kept[f"{figure}_after"].to_list()
        assert one.kept[f"{figure}_after"].to_list() == other.kept[f"{figure}_before"].to_list()
    assert one.kept["right_after"].to_list() != one.kept["right_before"].to_list()


def test_an_untrained_policy_answers_once(
    validate: Validate, tiny_model: Path, context_for: Callable[..., Context]
) -> None:
    tables = {"policy": checkpoint(tiny_model, tiny_model), "held_out": held_out(["even"] * 2)}
    split = validate.run(tables, context_for())
    kept, usage = split.kept, split.report.usage
    assert usage.model_calls == 2 * (1 + 4)
    assert usage.journal_hits == 0
    assert kept["right_before"].to_list() == kept["right_after"].to_list()
    assert kept["greedy_before"].to_list() == kept["greedy_after"].to_list()


def test_an_answer_that_was_cut_off_is_not_right(
    validate: Validate, tiny_model: Path, context_for: Callable[..., Context]
) -> None:
    tables = {"policy": checkpoint(tiny_model, tiny_model), "held_out": held_out(["even"] * 4)}
    read = validate.run(tables, context_for()).kept
    refused = validate.model_copy(update={"cut": "refuse"}).run(tables, context_for()).kept
    assert read["right_after"].sum() > 0
    assert refused["right_after"].sum() == 0
    assert not refused["greedy_after"].any()


def test_a_prompt_without_a_reference_is_dropped_and_asked_of_one_policy_only(
    validate: Validate,
    tiny_model: Path,
    other_model: Path,
    context_for: Callable[..., Context],
) -> None:
    context = context_for()
    prompts = held_out(["even", None, "even"])
    split = validate.run(
        {"policy": checkpoint(other_model, tiny_model), "held_out": prompts}, context
    )
    assert split.kept.height == 2
    assert split.dropped["row_id"].to_list() == [prompts["prompt_id"][1]]
    assert "no reference answer" in split.dropped["numbers"][0]
    assert split.report.usage.model_calls == (3 + 2) * (1 + 4)


def test_a_served_policy_is_measured_by_its_weights(
    validate: Validate, tiny_model: Path, context_for: Callable[..., Context]
) -> None:
    served = Binding(
        model=str(tiny_model),
        engine="openai",
        url="http://127.0.0.1:9/v1",
        served_as="policy",
        device="cpu",
    )
    tables = {"policy": checkpoint(tiny_model, tiny_model), "held_out": held_out(["even"])}
    assert validate.run(tables, context_for(roles={"policy": served})).kept.height == 1


def test_an_unknown_check_is_refused_before_anything_is_asked(
    tiny_model: Path, context_for: Callable[..., Context]
) -> None:
    with pytest.raises(ValidationError, match="unknown check"):
        Validate(of="policy", check="nowhere.check")
    context = context_for(checks={"trial": "nowhere.check"})
    tables = {"policy": checkpoint(tiny_model, tiny_model), "held_out": held_out(["even"])}
    with pytest.raises(EngineError, match="source 'trial'"):
        Validate(of="policy").run(tables, context)
    assert not context.journal.exists()


def test_one_checkpoint_is_measured(
    validate: Validate, tiny_model: Path, other_model: Path, context_for: Callable[..., Context]
) -> None:
    both = pl.concat([checkpoint(tiny_model, tiny_model), checkpoint(other_model, tiny_model)])
    with pytest.raises(EngineError, match="'policy' gave 2"):
        validate.run({"policy": both, "held_out": held_out(["even"])}, context_for())
