"""Rewards of a trained head: those of Transformers' own model, whatever shares the batch."""

import dataclasses
import gc
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from annotators import Reward
from engines.bindings import Binding
from engines.local.reward_model import RewardModel
from engines.model import Models
from engines.opening import open_engine
from engines.operators.row_operator import each_prompt
from engines.operators.run_rows import Done, run_rows
from engines.protocol import EngineError
from engines.rows import Prompt, Response
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
    return stand.context(roles=roles, open_engine=open_engine)


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
    passes: int, tables: dict[str, pl.DataFrame], context: Any, stand: Any
) -> None:
    together = values(reward(passes=passes).run(tables, context).kept)
    role = context.roles["reward"].model_copy(update={"options": {"score_tokens": 1}})

    def elsewhere(name: str) -> Any:
        return dataclasses.replace(context, roles={"reward": role}, journal=stand.folder / name)

    assert values(reward(passes=passes).run(tables, elsewhere("alone")).kept) == together
    some = tables["responses"].filter(pl.col("response_id").str.ends_with("1")).reverse()
    few = reward(passes=passes).run(tables | {"responses": some}, elsewhere("few")).kept
    assert values(few) == {key: together[key] for key in values(few)}


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
    of_role = (
        reward(checkpoint=None)
        .run(tables, stand.context(roles=bound, open_engine=open_engine))
        .kept
    )
    assert values(of_role) == values(reward().run(tables, context).kept)


def test_a_model_without_a_head_is_refused_in_plain_words(
    tables: dict[str, pl.DataFrame], context: Any
) -> None:
    with pytest.raises(EngineError, match=r"not a reward model.*trainers\.RewardModel"):
        reward(checkpoint=None).run(tables, context)


def test_a_second_run_asks_the_model_nothing_and_loads_no_weights(
    tables: dict[str, pl.DataFrame], context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = reward(passes=2).run(tables, context)
    monkeypatch.setattr(RewardModel, "auto_class", None)
    second = reward(passes=2).run(tables, context)
    assert second.kept.equals(first.kept)
    assert (first.report.usage.model_calls, first.report.usage.journal_hits) == (16, 0)
    assert (second.report.usage.model_calls, second.report.usage.journal_hits) == (0, 16)


def test_a_run_that_was_stopped_pays_for_no_reward_twice(
    tables: dict[str, pl.DataFrame], context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = context.roles["reward"].model_copy(update={"options": {"score_tokens": 1}})
    context = dataclasses.replace(context, roles={"reward": role})
    answered = []
    forward = RewardModel.forward

    def stopped_after_three(model: RewardModel, requests: Any) -> Any:
        if len(answered) == 3:
            raise KeyError("stopped")
        answered.extend(requests)
        return forward(model, requests)

    monkeypatch.setattr(RewardModel, "forward", stopped_after_three)
    with pytest.raises(EngineError, match="stopped"):
        reward().run(tables, context)
    monkeypatch.setattr(RewardModel, "forward", forward)
    split = reward().run(tables, context)
    assert split.kept.height == 8
    assert (split.report.usage.model_calls, split.report.usage.journal_hits) == (5, 3)


def test_inside_another_operator_it_leaves_nothing_loaded(
    tables: dict[str, pl.DataFrame], context: Any
) -> None:
    annotator = reward()
    before = loaded_models()

    async def work(prompt: Prompt, models: Models) -> Any:
        answer = Response("a", prompt.prompt_id, "4", "stop", ORIGIN)
        return await scorer.score(prompt, [answer], models)

    prompts = [(prompt.prompt_id, prompt) for prompt in each_prompt(tables["prompts"])]
    with annotator.session(tables, context) as scorer:
        outcomes = list(run_rows(prompts, work, context, total=2))
    assert [type(one) for one in outcomes] == [Done, Done]
    assert loaded_models() == before


def loaded_models() -> int:
    from transformers import PreTrainedModel

    gc.collect()
    return sum(issubclass(type(one), PreTrainedModel) for one in gc.get_objects())


def test_the_engine_forms_batches_and_a_recipe_of_before_is_told_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert Reward(batch_size=4) == Reward()
    assert "score_tokens" in caplog.text


def test_it_is_probed(tables: dict[str, pl.DataFrame], context: Any) -> None:
    probes = reward(probes="warn").run(tables, context).report.probes
    assert probes is not None
    assert probes.results


def test_each_head_is_an_annotator_and_the_surest_decides_alone(
    tables: dict[str, pl.DataFrame], context: Any, tiny_model: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    made = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=6)
    made.config.reward_heads = 3
    with torch.no_grad():
        made.score.weight.normal_(generator=torch.Generator().manual_seed(0))
    made.save_pretrained(tmp_path / "heads")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "heads")
    trained = tables["trained"].with_columns(path=pl.lit(str(tmp_path / "heads")))
    given = tables | {"trained": trained}
    each = reward().run(given, context).kept
    assert set(each["annotator"]) == {"reward/head-0", "reward/head-1", "reward/head-2"}
    surest = reward(head="surest").run(given, context).kept
    variance = pl.col("raw").str.json_path_match("$.variance").cast(pl.Float64)
    slow = each.sort(variance).unique("response_id", keep="first", maintain_order=True)
    found = values(surest)
    assert found == {(i, "reward"): v for i, v in slow.select("response_id", "value").iter_rows()}
    assert slow["annotator"].n_unique() > 1
