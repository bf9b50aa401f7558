"""Rewards of steps: those of one request a step, whatever shares the forward pass."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from annotators import PIK, ProcessReward
from annotators.probes.repeated_steps import REPEATED, outcome_drift
from annotators.rewards.process_reward import aggregated
from engines.bindings import Binding
from engines.chat.template import chat_text
from engines.model import Models
from engines.opening import open_engine
from engines.operators.row_operator import each_prompt
from engines.operators.run_rows import Done, run_rows
from engines.operators.scores import Scorer, value_of
from engines.protocol import EngineError
from engines.rows import Response
from schemas import Checkpoints, Responses, Scores, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
SOLUTIONS = [
    ["12 + 4 = 16.\n", "16 x 2 = 32.\n", "\n", "Answer: 32"],
    ["Answer: 4"],
    ["Là: 3 + 4 = 7.\n", "🙂 7.\n"],
    ["no idea.\n"] * 9,
]
"""Steps of the responses to each prompt; the third of the first says nothing."""


def cut(steps: list[str]) -> list[dict[str, int]]:
    """Spans of steps under byte-level tokens."""
    spans, place, token = [], 0, 0
    for step in steps:
        ends = place + len(step), token + len(step.encode())
        names = ("start", "end", "token_start", "token_end")
        spans.append(dict(zip(names, (place, ends[0], token, ends[1]), strict=True)))
        place, token = ends
    return spans


@pytest.fixture(scope="module")
def prm(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a head drawn from seed 0."""
    return headed(tiny_model, tmp_path_factory.mktemp("prm"), labels=1)


def headed(tiny_model: Path, folder: Path, *, labels: int, **settings: str) -> Path:
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    model = AutoModelForTokenClassification.from_pretrained(tiny_model, num_labels=labels)
    model.config.update(settings)
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.score.parameters():
            weights.normal_(generator=noise)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


@pytest.fixture
def tables(stand: Any, prm: Path) -> dict[str, pl.DataFrame]:
    prompts = stand.prompts("How many?", "And how many are left, if any?")
    responses = [
        {
            "response_id": f"{number}-{place}",
            "prompt_id": prompt_id,
            "text": "".join(steps),
            "steps": cut(steps),
            "finish": "stop",
            "tokens": 1,
            "origin": ORIGIN,
        }
        for number, prompt_id in enumerate(prompts["prompt_id"])
        for place, steps in enumerate(SOLUTIONS)
    ]
    checkpoint = {
        "path": str(prm),
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


def annotator(**options: Any) -> ProcessReward:
    return ProcessReward(**{"checkpoint": "trained", "probes": "off", **options})


def rewards(frame: pl.DataFrame) -> dict[tuple[str, int | None], float]:
    return {(i, s): v for i, s, v in frame.select("response_id", "step", "value").iter_rows()}


def one_at_a_time(folder: Path, messages: Any, steps: list[str]) -> list[float]:
    """One request a step: Transformers' own model on the begun answer."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    model = AutoModelForTokenClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    said = []
    for count in range(1, len(steps) + 1):
        text = chat_text(tokenizer, messages) + "".join(steps[:count])
        with torch.no_grad():
            logits = model(**tokenizer(text, return_tensors="pt", add_special_tokens=False)).logits
        last = logits[0, -1]
        said.append(float(last.softmax(0)[1] if len(last) == 2 else last[0].sigmoid()))
    return said


def test_one_pass_gives_what_one_request_a_step_gives(
    tables: dict[str, pl.DataFrame], context: Any, prm: Path
) -> None:
    kept = annotator().run(tables, context).kept
    Scores.validate(kept)
    found = rewards(kept)
    messages = dict(tables["prompts"].select("prompt_id", "messages").iter_rows())
    for row in tables["responses"].iter_rows(named=True):
        steps = SOLUTIONS[int(row["response_id"][-1])]
        slow = one_at_a_time(prm, messages[row["prompt_id"]], steps)
        fast = [found[row["response_id"], step] for step in range(len(steps))]
        assert fast == pytest.approx(slow, abs=1e-4)
        assert found[row["response_id"], None] == min(fast)
    assert len(found) == 2 * sum(len(steps) + 1 for steps in SOLUTIONS)


@pytest.mark.parametrize("score_tokens", [1, 300])
def test_what_shares_a_pass_changes_nothing(
    score_tokens: int, tables: dict[str, pl.DataFrame], context: Any, stand: Any
) -> None:
    together = rewards(annotator().run(tables, context).kept)
    role = context.roles["reward"].model_copy(update={"options": {"score_tokens": score_tokens}})

    def elsewhere(name: str) -> Any:
        return dataclasses.replace(context, roles={"reward": role}, journal=stand.folder / name)

    assert rewards(annotator().run(tables, elsewhere("apart")).kept) == together
    some = tables["responses"].filter(pl.col("response_id").str.ends_with("2")).reverse()
    few = rewards(annotator().run(tables | {"responses": some}, elsewhere("few")).kept)
    assert few == {key: together[key] for key in few}


def test_many_prompts_share_a_forward_pass(
    tables: dict[str, pl.DataFrame], context: Any, stand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engines.local.step_reward_model import StepRewardModel

    sizes = []
    forward = StepRewardModel.forward

    def counted(model: StepRewardModel, requests: Any) -> Any:
        sizes.append(len(requests))
        return forward(model, requests)

    monkeypatch.setattr(StepRewardModel, "forward", counted)
    prompts = stand.prompts(*(f"How many of {letter}?" for letter in "abcdef"))
    one = tables["responses"].filter(response_id="0-0")
    responses = pl.concat(
        one.with_columns(prompt_id=pl.lit(prompt), response_id=pl.lit(prompt))
        for prompt in prompts["prompt_id"]
    )
    annotator(aggregate=None).run({**tables, "prompts": prompts, "responses": responses}, context)
    assert sizes == [6]


def test_a_response_that_was_not_cut_is_scored_line_by_line(
    tables: dict[str, pl.DataFrame], context: Any
) -> None:
    uncut = tables["responses"].with_columns(steps=pl.lit(None, Responses.steps.dtype))
    found = rewards(annotator().run(tables | {"responses": uncut}, context).kept)
    whole = rewards(annotator().run(tables, context).kept)
    lines = [step for response, step in found if response == "0-0" and step is not None]
    assert lines == [0, 1, 2]
    # The line without words belongs to the one before it.
    assert found["0-0", 1] == pytest.approx(whole["0-0", 2], abs=1e-5)
    assert found["0-0", 2] == pytest.approx(whole["0-0", 3], abs=1e-5)
    assert found["1-3", None] == pytest.approx(whole["1-3", None], abs=1e-5)


def test_a_response_too_long_or_without_words_has_an_error_and_the_others_their_rewards(
    tables: dict[str, pl.DataFrame], context: Any
) -> None:
    long = tables["responses"].with_columns(
        text=pl.when(pl.col("response_id") == "0-0").then(pl.lit("x" * 600)).otherwise("text"),
        steps=pl.when(pl.col("response_id") == "1-1")
        .then(pl.lit([], Responses.steps.dtype))
        .otherwise("steps"),
    )
    kept = annotator().run(tables | {"responses": long}, context).kept
    errors = dict(kept.drop_nulls("error").select("response_id", "error").iter_rows())
    assert "takes 512" in errors.pop("0-0")
    assert errors == {"1-1": "a response without words has no step"}
    assert kept["response_id"].n_unique() == 8


@pytest.mark.parametrize(
    ("rule", "whole"), [("min", 0.25), ("product", 0.125), ("mean", 1.75 / 3), ("last", 0.5)]
)
def test_rewards_are_aggregated(rule: Any, whole: float) -> None:
    assert aggregated([1.0, 0.25, 0.5], rule) == pytest.approx(whole)
    assert aggregated([0.3], rule) == 0.3


def test_without_an_aggregate_there_are_steps_only(
    tables: dict[str, pl.DataFrame], context: Any
) -> None:
    made = ProcessReward(checkpoint="trained", aggregate=None)
    assert made.probes == "off"
    assert made.run(tables, context).kept["step"].null_count() == 0
    with pytest.raises(ValueError, match="aggregate"):
        ProcessReward(aggregate=None, probes="block")


def test_two_labels_are_read_as_probabilities_and_a_value_as_it_is(
    tables: dict[str, pl.DataFrame], stand: Any, tiny_model: Path, tmp_path: Path
) -> None:
    def run(folder: Path) -> dict[tuple[str, int | None], float]:
        bound = {"reward": Binding(model=str(folder), device="cpu", dtype="float32")}
        made = ProcessReward(probes="off")
        return rewards(made.run(tables, stand.context(roles=bound, open_engine=open_engine)).kept)

    two = headed(tiny_model, tmp_path / "two", labels=2)
    messages = tables["prompts"]["messages"][0]
    assert [run(two)["0-3", step] for step in range(9)] == pytest.approx(
        one_at_a_time(two, messages, SOLUTIONS[3]), abs=1e-4
    )
    value = run(headed(tiny_model, tmp_path / "value", labels=1, step_reward="value"))
    probability = run(headed(tiny_model, tmp_path / "prob", labels=1))
    assert min(value.values()) < 0
    for response, step in value:
        if step is not None:
            squashed = 1 / (1 + math.exp(-value[response, step]))
            assert probability[response, step] == pytest.approx(squashed, abs=1e-5)


def test_a_model_without_a_head_is_refused_in_plain_words(
    tables: dict[str, pl.DataFrame], context: Any
) -> None:
    with pytest.raises(EngineError, match=r"not a process reward model.*trainers\.PRM"):
        annotator(checkpoint=None).run(tables, context)


def test_where_nothing_was_trained_nothing_is_scored_and_it_says_so(
    tables: dict[str, pl.DataFrame], context: Any, tiny_model: Path
) -> None:
    headless = pl.lit(str(tiny_model)).alias("path")
    untrained = tables["trained"].with_columns(
        headless, trained=pl.lit(False), reason=pl.lit("no steplabels: stage 'l' kept no row")
    )
    split = annotator(probes="block").run({**tables, "trained": untrained}, context)
    assert split.kept.is_empty()
    assert set(split.dropped["row_id"]) == set(tables["responses"]["response_id"])
    assert set(split.dropped["reason"]) == {"nothing was trained"}
    assert "stage 'l' kept no row" in split.dropped["numbers"][0]
    assert split.report.probes is not None
    assert not split.report.probes.failed
    with pytest.raises(EngineError, match="not a process reward model"):
        annotator().run({**tables, "trained": tables["trained"].with_columns(headless)}, context)


def test_inside_another_operator_it_scores_begun_answers(
    tables: dict[str, pl.DataFrame], context: Any
) -> None:
    made = annotator()
    assert isinstance(made, Scorer)
    whole = rewards(made.run(tables, context).kept)
    prompts = list(each_prompt(tables["prompts"]))

    async def work(prompt: Any, models: Models) -> Any:
        begun = [
            Response("begun", prompt.prompt_id, "".join(SOLUTIONS[0][:2]), "stop", ORIGIN),
            Response("none", prompt.prompt_id, "", "stop", ORIGIN),
        ]
        return await scorer.score(prompt, begun, models)

    items = [(prompt.prompt_id, prompt) for prompt in prompts]
    with made.session(tables, context) as scorer:
        outcomes = list(run_rows(items, work, context, total=2))
    found = {
        f"{done.number}-{one}": value_of(done.result, one)
        for done in outcomes
        if isinstance(done, Done)
        for one in ("begun", "none")
    }
    assert found["0-begun"] == pytest.approx(whole["0-0", 1], abs=1e-5)
    assert found["1-begun"] == pytest.approx(whole["1-0", 1], abs=1e-5)
    assert found["0-none"] is None


def step_scores(answers: dict[str, list[float | None]]) -> pl.DataFrame:
    return rows(
        Scores,
        [
            {
                "response_id": response,
                "step": step,
                "annotator": "process_reward",
                "value": value,
                "error": "?" if value is None else None,
                "origin": ORIGIN,
            }
            for response, values in answers.items()
            for step, value in enumerate(values)
        ],
    )


def test_drift_is_the_share_of_lowest_rewards_on_the_last_step() -> None:
    drifting = {"a": [0.9, 0.8, 0.1], "b": [0.2, 0.9], "c": [0.5, 0.5], "d": [0.1]}
    assert outcome_drift(step_scores({**drifting})) == pytest.approx(1 / 3)
    assert outcome_drift(step_scores({"d": [0.1]})) is None
    assert outcome_drift(step_scores({})) is None


def test_repeating_the_best_step_is_told_where_it_pays(
    tables: dict[str, pl.DataFrame], context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engines.local.step_reward_model import StepRewardModel

    def by_length(model: StepRewardModel, requests: Any) -> list[list[float]]:
        """Rewards whose mean rises with every step and whose minimum does not."""
        return [
            [1 - 0.5 / (1 + step) for step, _ in enumerate(one.tokens.positions)]
            for one in requests
        ]

    monkeypatch.setattr(StepRewardModel, "forward", by_length)
    found = annotator(aggregate="mean").run(tables, context).report.findings[REPEATED]
    assert (found["raised"], found["of"]) == (2, 2)
    assert found["example"]["after"] > found["example"]["before"]
    findings = annotator(aggregate="min").run(tables, context).report.findings
    assert (findings[REPEATED]["raised"], findings[REPEATED]["of"]) == (0, 2)
    assert findings["outcome drift"] == 0.0


def test_it_is_probed(tables: dict[str, pl.DataFrame], context: Any) -> None:
    probes = annotator(probes="warn").run(tables, context).report.probes
    assert probes is not None
    assert probes.results


def test_p_ik_is_the_sigmoid_of_the_head_at_the_end_of_the_prompt(stand: Any, prm: Path) -> None:
    """Whatever the responses say, and with the training's own reading of the prompt."""
    from engines.weights import chat_tokenizer
    from trainers.training.tokenization import Reader

    context = stand.context(roles={"reward": Binding(model=str(prm))}, open_engine=open_engine)
    prompts = stand.prompts("What is 3 + 4?")
    responses = rows(
        Responses,
        [
            {
                "response_id": text,
                "prompt_id": prompts["prompt_id"][0],
                "text": text,
                "finish": "stop",
                "tokens": 1,
                "origin": ORIGIN,
            }
            for text in ("7", "eight")
        ],
    )
    values = PIK(of="responses").run({"prompts": prompts, "responses": responses}, context).kept
    tokenizer = chat_tokenizer(Binding(model=str(prm), device="cpu"))
    reader = Reader(tokenizer, tokenizer.eos_token_id)
    messages = [{"role": "user", "content": "What is 3 + 4?"}]
    ids, (place,) = reader.steps(reader.prompt(messages), [""])
    assert place == len(ids) - 1
    model = _head(prm)
    with torch.no_grad():
        logit = model(input_ids=torch.tensor([ids])).logits[0, place, 0]
    assert values["value"].to_list() == pytest.approx([float(logit.sigmoid())] * 2, abs=1e-4)


def _head(folder: Path) -> Any:
    from transformers import AutoModelForTokenClassification

    return AutoModelForTokenClassification.from_pretrained(folder).eval()
