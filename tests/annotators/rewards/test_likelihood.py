"""Likelihood: the log-probability of what was written, response by response."""

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from annotators import Annotator, Likelihood, Score
from engines.bindings import Binding
from engines.model import Models
from engines.opening import open_engine
from engines.protocol import Sampling
from engines.rows import Prompt, Response
from generators import Draft, Sample
from schemas import Split


def tables(stand: Any, *texts: str, n: int = 3) -> dict[str, pl.DataFrame]:
    prompts = stand.prompts(*texts)
    responses = Sample(n=n).run({"prompts": prompts}, stand.context()).kept
    stand.asked.clear()
    return {"prompts": prompts, "responses": responses}


def test_one_score_a_response_in_their_order(stand: Any) -> None:
    made = tables(stand, "a", "b", "c")
    shuffled = made["responses"].sample(fraction=1, shuffle=True, seed=1)
    split = Likelihood().run({**made, "responses": shuffled}, stand.context())
    assert split.kept["response_id"].to_list() == shuffled["response_id"].to_list()
    assert split.dropped.is_empty()
    row = split.kept.row(0, named=True)
    assert row["annotator"] == "likelihood"
    assert row["origin"]["operator"] == "annotators.Likelihood"
    assert row["origin"]["model"] == "answering-policy"
    whole = Likelihood().run(made, stand.context())
    assert_frame_equal(whole.kept.sort("response_id"), split.kept.sort("response_id"))


def test_the_end_is_scored_where_the_author_ended(stand: Any) -> None:
    made = tables(stand, "a", "b", "c")
    Likelihood().run(made, stand.context())
    ended = dict(made["responses"].select("text", pl.col("finish") == "stop").rows())
    assert {text: end for _, _, text, end in stand.asked} == ended
    assert set(ended.values()) == {True, False}


def test_per_token_divides_by_the_tokens_scored(stand: Any) -> None:
    made = tables(stand, "a", "b")
    total = Likelihood().run(made, stand.context()).kept
    mean = Likelihood(normalise="token").run(made, stand.context()).kept
    assert set(mean["annotator"]) == {"likelihood_per_token"}
    assert_frame_equal(mean.select(pl.col("value") * 6), total.select("value"))


def test_a_value_that_is_no_number_drops_its_response(stand: Any) -> None:
    made = tables(stand, "a", "b")
    ids = made["responses"]["response_id"].to_list()
    broken = pl.when(pl.col("response_id") == ids[1]).then(pl.lit("nan")).otherwise(pl.col("text"))
    split = Likelihood().run(
        {**made, "responses": made["responses"].with_columns(text=broken)}, stand.context()
    )
    assert split.dropped.select("row_id", "reason").rows() == [(ids[1], "value_finite")]
    assert split.kept["response_id"].to_list() == [one for one in ids if one != ids[1]]


def test_a_response_to_no_known_prompt_is_dropped(stand: Any) -> None:
    made = tables(stand, "a", "b", n=2)
    split = Likelihood().run({**made, "prompts": made["prompts"].tail(1)}, stand.context())
    lost = made["responses"]["response_id"].to_list()[:2]
    assert split.dropped.select("row_id", "reason").rows() == [
        (one, "prompt not found") for one in lost
    ]
    assert split.kept.height == 2


class Steps(Annotator):
    """Two steps a response; goes wrong as the prompt says."""

    async def score(self, prompt: Prompt, responses: Any, models: Models) -> list[Score]:
        asked = prompt.messages[-1]["content"]
        if asked == "fails":
            raise ValueError("no verdict in 'hm'")
        if asked == "strays":
            return [Score("nobody", "steps", 1.0)]
        if asked == "forgets":
            responses = responses[:1]
        return [self._opinion(asked, one, step) for one in responses for step in (0, 1)]

    def _opinion(self, asked: str, response: Response, step: int) -> Score:
        if asked == "unread":
            return Score(response.response_id, "steps", None, "hm", "no verdict", step)
        value = math.inf if asked == "infinite" and step else 0.5
        return Score(response.response_id, "steps", value, step=step)


@pytest.mark.parametrize(
    ("what", "kept", "reasons"),
    [
        ("works", 4, []),
        ("unread", 4, []),
        ("fails", 0, ["ValueError", "ValueError"]),
        ("strays", 0, ["ValueError", "ValueError"]),
        ("forgets", 2, ["no score"]),
        ("infinite", 0, ["value_finite", "value_finite"]),
    ],
)
def test_a_response_is_scored_whole_or_dropped(
    what: str, kept: int, reasons: list[str], stand: Any
) -> None:
    made = tables(stand, "works too", what, n=2)
    split: Split = Steps().run(made, stand.context())
    responses = made["responses"]["response_id"]
    assert split.kept.height == 4 + kept
    assert split.dropped["reason"].to_list() == reasons
    assert set(split.kept["response_id"]) | set(split.dropped["row_id"]) == set(responses)
    assert split.kept["response_id"].n_unique() + split.dropped.height == len(responses)


def test_a_real_models_own_samples_have_the_likelihood_it_wrote_them_with(
    stand: Any, tiny_model: Path
) -> None:
    """The log-probs of sampling and of scoring agree, end of turn and all."""
    roles = {"policy": Binding(model=str(tiny_model))}
    context = stand.context(roles=roles, open_engine=open_engine)
    prompts = stand.prompts("How are you?")
    written: dict[str, float] = {}

    class Watched(Sample):
        async def write(self, prompt: Prompt, models: Models) -> Any:
            drawn = await models.policy.generate(
                prompt.messages, n=64, sampling=Sampling(max_tokens=3), call="watched"
            )
            # Half of a character is written differently from how it is read.
            whole = [one for one in drawn if one.text.isascii()]
            written.update({one.text: math.fsum(one.logprobs) for one in whole})
            return [Draft.of(one) for one in whole]

    responses = Watched().run({"prompts": prompts}, context).kept
    scores = Likelihood().run({"prompts": prompts, "responses": responses}, context).kept
    both = responses.join(scores, on="response_id")
    assert both.height >= 4
    assert both["finish"].n_unique() == 2
    for text, value in both.select("text", "value").rows():
        assert value == pytest.approx(written[text], abs=1e-3)
