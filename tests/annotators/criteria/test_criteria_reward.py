"""Rewards under stated principles."""

from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from annotators import CriteriaReward, Criterion
from annotators.criteria.criterion import RubricOf
from engines.rows import Prompt
from schemas import Prompts, Scores, rows

BRIEF = Criterion(name="brief", text="Be brief.")
BLAME = Criterion(name="blame", text="It blames.", negated=True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Prompt]:
    """The prompts that the trained reward is asked about; its reward is their length."""
    from annotators.criteria import criteria_reward
    from engines.operators.scores import Score

    seen: list[Prompt] = []

    async def score(self: Any, prompt: Prompt, responses: Any, models: Any) -> list[Score]:
        seen.append(prompt)
        return [Score(one.response_id, "reward", float(len(one.text))) for one in responses]

    monkeypatch.setattr(criteria_reward.Reward, "score", score)
    return seen


def rewarded(bench: Any, *criteria: Criterion, **options: Any) -> pl.DataFrame:
    tables = bench.tables({"q": ["w", "xx"]}) | {"by": RubricOf(criteria=criteria).rows()}
    tables |= options.pop("tables", {})
    split = CriteriaReward(by="by", model="judge", **options).run(tables, bench.context(str))
    kept: pl.DataFrame = split.kept
    return Scores.validate(kept, cast=False)


def test_the_principles_of_the_stage_stand_before_the_prompt(bench: Any, asked: Any) -> None:
    found = rewarded(bench, BRIEF, BLAME, template="Do so:\n{principles}")
    assert found["value"].to_list() == [1.0, 2.0]
    (prompt,) = asked
    system, question = prompt.messages
    assert system == {"role": "system", "content": "Do so:\nBe brief.\nNot: It blames."}
    assert question["role"] == "user"
    assert found["origin"].struct.field("parents").list.len().to_list() == [2, 2]


def test_a_prompt_with_a_system_turn_is_an_error(bench: Any, asked: Any) -> None:
    prompts = bench.tables({"q": ["w", "xx"]})["prompts"].to_dicts()
    for row in prompts:
        row["messages"] = [{"role": "system", "content": "s"}, *row["messages"]]
    found = rewarded(bench, BRIEF, tables={"prompts": rows(Prompts, prompts)})
    assert found["value"].to_list() == [None, None]
    assert "system turn of its own" in found["error"][0]
    assert asked == []


def test_a_template_must_have_a_place_for_them() -> None:
    with pytest.raises(ValidationError, match="nothing would be stated"):
        CriteriaReward(by="by", template="Be good.")
