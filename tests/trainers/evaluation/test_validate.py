"""Held-out prompts answered before and after, checked, and each answer paid for once."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from annotators import Annotator, Score
from engines.bindings import Binding
from engines.context import Context
from engines.model import Models
from engines.protocol import EngineError
from engines.rows import Prompt, Response
from schemas import Checkpoints, Prompts, prompt_id, rows
from trainers import Validate


def even(messages: Sequence[Any], reference: str | None, text: str) -> bool:
    """A check: right is what begins with a character of an even number."""
    if reference is None:
        raise ValueError("the prompt has no reference answer")
    return text[:1] != "" and ord(text[0]) % 2 == 0


CHECK = f"{__name__}.even"


def compares_references(messages: Sequence[Any], reference: str | None, text: str) -> bool:
    """A check that compares with a reference."""
    return text == reference


compares_references.readable = lambda reference: None  # type: ignore[attr-defined]


class Codes(Annotator):
    """Scores an answer by its first character."""

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        return [Score(one.response_id, "codes", float(ord(one.text[0]))) for one in responses]


class HigherCode(Annotator):
    """Compares two answers by their first characters."""

    @property
    def compares(self) -> bool:
        return True

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        one, other = (ord(each.text[0]) for each in responses)
        win = 0.5 if one == other else float(one > other)
        return [
            Score(responses[0].response_id, "higher", win),
            Score(responses[1].response_id, "higher", 1 - win),
        ]


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


def test_a_validation_has_a_size(
    validate: Validate, tiny_model: Path, context_for: Callable[..., Context]
) -> None:
    prompts = held_out(["even"] * 6)
    tables = {"policy": checkpoint(tiny_model, tiny_model), "held_out": prompts}
    few, more = (
        validate.model_copy(update={"rows": rows}).run(tables, context_for(stage="validated"))
        for rows in (2, 4)
    )
    assert (few.kept.height, more.kept.height) == (2, 4)
    assert set(few.kept["prompt_id"]) < set(more.kept["prompt_id"])
    assert set(few.dropped["row_id"]) == set(prompts["prompt_id"]) - set(few.kept["prompt_id"])


def test_what_was_answered_before_opens_no_model(
    validate: Validate,
    tiny_model: Path,
    context_for: Callable[..., Context],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = {"policy": checkpoint(tiny_model, tiny_model), "held_out": held_out(["even"] * 2)}
    context = context_for()
    once = validate.run(tables, context)
    loaded: list[Binding] = []
    monkeypatch.setattr("engines.local.lazy_engine._transformers", loaded.append)
    again = validate.run(tables, dataclasses.replace(context, refresh="2026-11-02"))
    assert again.kept.equals(once.kept)
    assert loaded == []


def test_policies_are_asked_under_the_system_turn(
    validate: Validate, tiny_model: Path, context_for: Callable[..., Context]
) -> None:
    system = "Be brief."
    plain = held_out(["even"] * 2)
    turn = [{"role": "system", "content": system}]
    messages = [turn + list(asked) for asked in plain["messages"].to_list()]
    written = plain.with_columns(messages=pl.Series(messages, dtype=plain.schema["messages"]))
    context = context_for()
    by_source = validate.run(
        {"policy": checkpoint(tiny_model, tiny_model), "held_out": written}, context
    )
    under = validate.model_copy(update={"system": system})
    by_stage = under.run(
        {"policy": checkpoint(tiny_model, tiny_model), "held_out": plain},
        dataclasses.replace(context, refresh="2026-11-02"),
    )
    assert by_stage.kept.equals(by_source.kept)
    assert by_stage.report.usage.model_calls == 0


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


def test_a_judge_compares_the_greedy_answers_of_both_policies(
    tiny_model: Path, other_model: Path, context_for: Callable[..., Context]
) -> None:
    both = {"judge": f"{__name__}.HigherCode", "reward": f"{__name__}.Codes"}
    tables = {"policy": checkpoint(other_model, tiny_model), "held_out": held_out([None] * 6)}
    by_judge, by_reward = (
        Validate.model_validate(
            {"of": "policy", "by": by, "scorer": {"use": path}, "max_tokens": 6, "cut": "read"}
        ).run(tables, context_for())
        for by, path in both.items()
    )
    assert by_judge.kept["prompt_id"].to_list() == tables["held_out"]["prompt_id"].to_list()
    difference = by_reward.kept["reward_after"] - by_reward.kept["reward_before"]
    assert by_judge.kept["preference"].to_list() == [
        0.5 if gained == 0 else float(gained > 0) for gained in difference
    ]
    assert by_judge.kept["length_after"].min() > 0
    # One greedy answer of each policy, which the second measure finds in the journal.
    assert by_judge.report.usage.model_calls == 2 * 6
    assert by_reward.report.usage.model_calls == 0


def test_an_answer_that_was_cut_off_loses_and_has_no_reward(
    tiny_model: Path, context_for: Callable[..., Context]
) -> None:
    tables = {"policy": checkpoint(tiny_model, tiny_model), "held_out": held_out([None] * 2)}
    given = {"of": "policy", "max_tokens": 6}
    judge = {"by": "judge", "scorer": {"use": f"{__name__}.HigherCode"}}
    reward = {"by": "reward", "scorer": {"use": f"{__name__}.Codes"}}
    judged = Validate.model_validate(given | judge).run(tables, context_for())
    rewarded = Validate.model_validate(given | reward).run(tables, context_for())
    assert judged.kept["preference"].to_list() == [0.5, 0.5]
    assert rewarded.kept.is_empty()
    assert rewarded.dropped["reason"].str.starts_with("cut off at 6 tokens").all()


def test_prompts_without_the_reference_of_their_check_are_not_asked(
    tiny_model: Path, context_for: Callable[..., Context]
) -> None:
    prompts = held_out([None, "yes", None, None])
    validate = Validate(
        of="policy", samples=0, max_tokens=6, check=f"{__name__}.compares_references"
    )
    tables = {"policy": checkpoint(tiny_model, tiny_model), "held_out": prompts}
    split = validate.run(tables, context_for())
    assert split.kept["prompt_id"].to_list() == [prompts["prompt_id"][1]]
    assert split.dropped["reason"].to_list() == ["no reference"] * 3
    assert split.report.usage.model_calls == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"scorer": {"use": f"{__name__}.Codes"}}, "needs by: judge or by: reward"),
        ({"by": "judge", "scorer": {"use": f"{__name__}.Codes"}}, "compares two answers"),
        ({"by": "reward", "scorer": {"use": f"{__name__}.HigherCode"}}, "each answer alone"),
    ],
)
def test_the_scorer_fits_the_measure(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Validate.model_validate({"of": "policy"} | given)


def test_without_a_check_a_judge_measures() -> None:
    assert Validate(of="policy").needs_truth() == "check"
    instead = Validate(of="policy", samples=4).without_truth()
    assert instead is not None
    assert (instead.by, instead.samples, instead.needs_truth()) == ("judge", 4, None)
    assert {use.role for use in instead.roles()} == {"policy", "judge"}
    assert Validate(of="policy", by="check").without_truth() is None


def test_parameters_alone_are_those_of_the_measures_annotator() -> None:
    judge = Validate.model_validate({"of": "policy", "by": "judge", "scorer": {"template": "mine"}})
    assert judge.scorer is not None
    dumped = judge.scorer.model_dump()
    assert (dumped["mode"], dumped["template"]) == ("pairwise", "mine")
