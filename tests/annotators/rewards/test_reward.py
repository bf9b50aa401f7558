"""Rewards of a trained head: those of Transformers' own model, whatever shares the batch."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from annotators import Reward
from engines.bindings import Binding
from engines.protocol import EngineError
from schemas import Checkpoints, Responses, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
TEXTS = ["4", "Gains 4: 12 + 4 = 16.\nAnswer: 16", "", "no idea " * 9]


@pytest.fixture(scope="module")
def reward_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a head drawn from seed 0."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tmp_path_factory.mktemp("reward")
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1)
    with torch.no_grad():
        model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


@pytest.fixture
def tables(stand: Any, reward_model: Path) -> dict[str, pl.DataFrame]:
    prompts = stand.prompts("How many?", "And how many are left, if any?")
    responses = [
        {
            "response_id": f"{number}-{place}",
            "prompt_id": prompt_id,
            "text": text,
            "finish": "stop",
            "tokens": 1,
            "origin": ORIGIN,
        }
        for number, prompt_id in enumerate(prompts["prompt_id"])
        for place, text in enumerate(TEXTS)
    ]
    checkpoint = {
        "path": str(reward_model),
        "start": "policy",
        "trained": True,
        "reason": None,
        "rows": 1,
        "steps": 1,
        "seconds": 1.0,
        "metrics": "{}",
    }
    return {
        "prompts": prompts,
        "responses": rows(Responses, responses),
        "trained": rows(Checkpoints, [checkpoint]),
    }


@pytest.fixture
def context(stand: Any, tiny_model: Path) -> Any:
    roles = {"reward": Binding(model=str(tiny_model), device="cpu", dtype="float32")}
    return stand.context(roles=roles)


def reward(**options: Any) -> Reward:
    return Reward(**{"checkpoint": "trained", "probes": "off", **options})


def values(frame: pl.DataFrame) -> dict[tuple[str, str], float]:
    return {(i, a): v for i, a, v in frame.select("response_id", "annotator", "value").iter_rows()}


def test_rewards_are_those_of_transformers_one_text_at_a_time(
    tables: dict[str, pl.DataFrame], context: Any, reward_model: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(reward_model)
    tokenizer = AutoTokenizer.from_pretrained(reward_model)
    found = values(reward().run(tables, context).kept)
    asked = tables["responses"].join(tables["prompts"], on="prompt_id").to_dicts()
    assert len(found) == len(asked) == 8
    for row in asked:
        text = tokenizer.apply_chat_template(
            row["messages"], tokenize=False, add_generation_prompt=True
        )
        ids = tokenizer(f"{text}{row['text']}<|end|>", return_tensors="pt")
        with torch.no_grad():
            slow = float(model(**ids).logits)
        assert found[row["response_id"], "reward"] == pytest.approx(slow, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("passes", [1, 3])
def test_what_shares_a_batch_changes_nothing(
    passes: int, tables: dict[str, pl.DataFrame], context: Any
) -> None:
    together = values(reward(passes=passes).run(tables, context).kept)
    alone = values(reward(passes=passes, batch_size=1).run(tables, context).kept)
    some = tables["responses"].filter(pl.col("response_id").str.ends_with("1")).reverse()
    few = values(reward(passes=passes).run(tables | {"responses": some}, context).kept)
    assert together == pytest.approx(alone, rel=1e-4, abs=1e-5)
    assert few == pytest.approx({key: together[key] for key in few}, rel=1e-4, abs=1e-5)


def test_passes_differ_from_each_other_and_are_repeatable(
    tables: dict[str, pl.DataFrame], context: Any
) -> None:
    annotator = reward(passes=4, dropout=0.2)
    kept = annotator.run(tables, context).kept
    assert kept["annotator"].unique().sort().to_list() == [f"reward/pass-{n}" for n in range(4)]
    of_one = kept.filter(response_id="0-1")
    assert of_one["value"].n_unique() == 4
    assert of_one["origin"].struct.field("seed").n_unique() == 4
    assert annotator.run(tables, context).kept.equals(kept)


def test_little_dropout_is_none_in_the_limit(tables: dict[str, pl.DataFrame], context: Any) -> None:
    plain = values(reward().run(tables, context).kept)
    passes = values(reward(passes=2, dropout=1e-9).run(tables, context).kept)
    for (response, _), value in passes.items():
        assert value == pytest.approx(plain[response, "reward"], rel=1e-4, abs=1e-5)


def test_a_response_that_is_too_long_has_an_error_and_the_others_their_reward(
    tables: dict[str, pl.DataFrame], context: Any
) -> None:
    long = tables["responses"].with_columns(
        text=pl.when(pl.col("response_id") == "0-0").then(pl.lit("x" * 600)).otherwise("text")
    )
    kept = reward(passes=2).run(tables | {"responses": long}, context).kept
    errors = kept.filter(pl.col("error").is_not_null())
    assert errors["response_id"].to_list() == ["0-0", "0-0"]
    assert "takes 512" in errors["error"][0]
    assert kept["value"].count() == 14


def test_a_role_may_be_bound_to_the_reward_model_itself(
    tables: dict[str, pl.DataFrame], context: Any, stand: Any, reward_model: Path
) -> None:
    bound = {"reward": Binding(model=str(reward_model), device="cpu", dtype="float32")}
    of_role = reward(checkpoint=None).run(tables, stand.context(roles=bound)).kept
    assert values(of_role) == values(reward().run(tables, context).kept)


def test_a_model_without_a_head_is_refused_in_plain_words(
    tables: dict[str, pl.DataFrame], context: Any
) -> None:
    with pytest.raises(EngineError, match=r"no reward model.*trainers\.RewardModel"):
        reward(checkpoint=None).run(tables, context)


def test_it_is_probed(tables: dict[str, pl.DataFrame], context: Any) -> None:
    probes = reward(probes="warn").run(tables, context).report.probes
    assert probes is not None
    assert probes.results
