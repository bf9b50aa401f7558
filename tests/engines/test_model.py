"""A model as an operator calls it: journaled, seeded by what is asked, asked once."""

import asyncio
import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engines.bindings import Binding
from engines.local.lazy_engine import LazyEngine
from engines.model import Models, SampledText
from engines.opening import open_engine
from engines.operators.run_rows import Done, run_rows
from engines.protocol import EngineError, Sampling
from engines.runtime.session import Session
from schemas import Usage

HELLO = [{"role": "user", "content": "Hello"}]


def run(work: Any, context: Any, *row_ids: str) -> tuple[list[Any], Usage]:
    """What ``work(models)`` gives for each row, and what the models cost."""
    row_ids = row_ids or ("row",)
    rows = run_rows(
        ((row_id, row_id) for row_id in row_ids),
        lambda row_id, models: work(models),
        context,
        total=len(row_ids),
    )
    found = {}
    for outcome in rows:
        assert isinstance(outcome, Done), outcome
        found[outcome.number] = outcome.result
    return [found[number] for number in range(len(row_ids))], rows.usage


def ask(work: Any, context: Any, *row_ids: str) -> list[Any]:
    """What ``work(models)`` gives for each row."""
    return run(work, context, *row_ids)[0]


def drawing(n: int, **sampling: Any) -> Callable[[Models], Any]:
    async def work(models: Models) -> list[SampledText]:
        return await models.policy.generate(HELLO, n=n, sampling=Sampling(**sampling))

    return work


def test_more_samples_reuse_those_paid_for(stand: Any) -> None:
    (four,) = ask(drawing(4), stand.context())
    (eight,), usage = run(drawing(8), stand.context())
    assert eight[:4] == four
    assert len({one.text for one in eight}) == 8
    assert len(stand.asked) == 8
    assert (usage.model_calls, usage.journal_hits) == (4, 4)
    assert usage.tokens == 4 * 6


def test_a_generation_says_what_made_it(stand: Any) -> None:
    ((drawn,),) = ask(drawing(1, temperature=0.5), stand.context())
    assert drawn.model == "answering-policy"
    assert drawn.sampling == Sampling(temperature=0.5)
    assert 0 <= drawn.seed < 2**63
    ((first, second),) = ask(drawing(2, temperature=0.0), stand.context())
    assert first == second
    assert first.seed is None
    assert len(stand.asked) == 2


def test_seeds_follow_from_run_row_and_call(stand: Any) -> None:
    texts = {
        ask(drawing(1), stand.context(seed=seed), row)[0][0].text
        for seed, row in itertools.product((0, 1), ("a", "b"))
    }
    assert len(texts) == 4


def test_calls_are_numbered_as_they_are_made_not_as_they_are_awaited(stand: Any) -> None:
    async def in_turn(models: Models) -> list[SampledText]:
        return [(await models.policy.generate(HELLO))[0] for _ in range(3)]

    async def backwards(models: Models) -> list[SampledText]:
        calls = [models.policy.generate(HELLO) for _ in range(3)]
        return [(await call)[0] for call in reversed(calls)][::-1]

    async def gathered(models: Models) -> list[SampledText]:
        found = await asyncio.gather(*(models.policy.generate(HELLO) for _ in range(3)))
        return [one for (one,) in found]

    ((one, two, three),) = ask(in_turn, stand.context())
    assert len({one.text, two.text, three.text}) == 3
    assert ask(backwards, stand.context()) == [[one, two, three]]
    assert ask(gathered, stand.context()) == [[one, two, three]]
    assert len(stand.asked) == 3


def test_a_named_call_does_not_depend_on_the_calls_before_it(stand: Any) -> None:
    async def named(models: Models) -> list[SampledText]:
        return await models.policy.generate(HELLO, call="draft")

    async def later(models: Models) -> list[SampledText]:
        await models.policy.generate(HELLO)
        return await models.policy.generate(HELLO, call="draft")

    assert ask(named, stand.context()) == ask(later, stand.context())


def test_calls_about_a_response_do_not_depend_on_the_other_responses(stand: Any) -> None:
    async def second(models: Models) -> list[SampledText]:
        await models.at("response 1").policy.generate(HELLO)
        return await models.at("response 2").policy.generate(HELLO)

    async def only(models: Models) -> list[SampledText]:
        return await models.at("response 2").policy.generate(HELLO)

    assert ask(second, stand.context()) == ask(only, stand.context())


def test_what_others_are_asking_is_asked_once(stand: Any) -> None:
    async def work(models: Models) -> Any:
        return await asyncio.gather(
            models.policy.generate(HELLO, n=2, sampling=Sampling(temperature=0.0)),
            models.policy.score(HELLO, ["a", "b", "a"]),
            models.policy.choose(HELLO, ["yes", "no"]),
        )

    context = stand.context()
    answers, usage = run(work, context, *map(str, range(50)))
    assert all(answer == answers[0] for answer in answers)
    assert len(stand.asked) == 4
    assert usage.model_calls == 4


def test_an_answer_outlives_the_row_that_asked_for_it(stand: Any) -> None:
    async def work(models: Models) -> Any:
        first = asyncio.create_task(models.policy.generate(HELLO, call="same"))
        await asyncio.sleep(0)
        second = asyncio.create_task(models.policy.generate(HELLO, call="same"))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    ((answer,),) = ask(work, stand.context())
    assert ask(drawing(1), stand.context())[0][0].model == answer.model


def test_all_of_a_calls_samples_end_before_its_error_is_raised(stand: Any) -> None:
    async def work(models: Models) -> Any:
        with pytest.raises(EngineError, match="900 tokens"):
            await models.policy.generate([{"role": "user", "content": "too long"}], n=3)
        return len(stand.asked)

    assert ask(work, stand.context()) == [3]


def test_scores_are_kept_one_by_one(stand: Any) -> None:
    async def work(models: Models) -> Any:
        model = models.policy
        both = await model.score(HELLO, ["yes", "no"], end=[True, False])
        return both, await model.score(HELLO, ["no", "maybe", "yes"], end=[False, True, True])

    ((both, three),) = ask(work, stand.context())
    assert [three[2], three[0]] == both
    assert [(said, end) for _, _, said, end in stand.asked] == [
        ("yes", True),
        ("no", False),
        ("maybe", True),
    ]


def test_what_is_in_the_journal_loads_no_weights(
    stand: Any, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(models: Models) -> Any:
        model = models.policy
        written = await model.generate(HELLO, sampling=Sampling(max_tokens=2))
        scored = await model.score(HELLO, ["a"])
        return written, scored, await model.choose(HELLO, ["yes", "no"])

    bound = {"policy": Binding(model=str(tiny_model), device="cpu", dtype="float32")}
    context = stand.context(roles=bound, open_engine=open_engine)
    once = ask(work, context)
    loaded: list[Binding] = []
    monkeypatch.setattr("engines.local.lazy_engine._transformers", loaded.append)
    assert ask(work, context) == once
    assert loaded == []


def test_a_choice_does_not_depend_on_the_order_of_options(stand: Any) -> None:
    async def work(models: Models) -> Any:
        one = await models.judge.choose(HELLO, ["wrong", "yes"])
        return one.logprobs, (await models.judge.choose(HELLO, ["yes", "wrong"])).logprobs

    ((one, other),) = ask(work, stand.context())
    assert one == other[::-1]
    assert one[0] > one[1]
    assert len(stand.asked) == 1


def test_options_must_differ(stand: Any) -> None:
    async def work(models: Models) -> Any:
        with pytest.raises(ValueError, match="must differ"):
            await models.judge.choose(HELLO, ["yes", "yes"])

    ask(work, stand.context())


def test_an_answer_is_the_same_fresh_and_from_the_journal(stand: Any) -> None:
    async def work(models: Models) -> Any:
        drawn = await models.policy.generate(HELLO, n=3)
        return (
            drawn,
            await models.policy.score(HELLO, ["a"]),
            await models.policy.choose(HELLO, "ab"),
        )

    fresh = ask(work, stand.context())
    again, usage = run(work, stand.context())
    assert again == fresh
    assert usage.model_calls == 0


def test_roles_of_one_binding_share_an_engine_that_is_closed_at_the_end(stand: Any) -> None:
    async def work(models: Models) -> Any:
        for role in ("one", "two", "three"):
            await models[role].generate(HELLO)

    same, other = Binding(model="a", options={"batch_size": 1}), Binding(model="b")
    ask(work, stand.context(roles={"one": same, "two": other, "three": same, "four": other}))
    assert [engine.revision for engine in stand.opened] == ["answering-a", "answering-b"]
    assert all(engine.closed for engine in stand.opened)


def test_what_is_served_is_scored_by_its_weights(stand: Any) -> None:
    server = {"engine": "openai", "url": "http://nowhere/v1", "served_as": "it"}
    bound: list[Binding] = []

    def opening(binding: Binding) -> Any:
        bound.append(binding)
        return stand.open(binding)

    async def work(models: Models) -> Any:
        await models.policy.generate(HELLO)
        await models.policy.score(HELLO, ["a"])
        assert models.policy.revision == models.policy.scoring_revision
        with pytest.raises(
            EngineError, match=r"'judge' to score, which its engine 'openai' \('it'"
        ):
            await models.judge.score(HELLO, ["a"])

    roles = {"policy": Binding(model="w", **server), "judge": Binding(**server)}
    ask(work, stand.context(roles=roles, open_engine=opening))
    assert bound == [roles["policy"], Binding(model="w")]


def test_weights_sleep_where_every_answer_is_known(
    stand: Any, tiny_model: Path, tmp_path: Path
) -> None:
    loaded = []

    def load(binding: Binding) -> Any:
        from engines.local.engine import TransformersEngine

        loaded.append(binding)
        return TransformersEngine(binding)

    async def work(models: Models) -> Any:
        drawn = await models.policy.generate(HELLO, sampling=Sampling(max_tokens=4))
        return drawn, await models.policy.score(HELLO, ["Hi"]), models.policy.revision

    roles = {"policy": Binding(model=str(tiny_model))}
    settings = {"roles": roles, "open_engine": lambda binding: LazyEngine(binding, load)}
    first = ask(work, stand.context(**settings))
    assert len(loaded) == 1
    assert ask(work, stand.context(**settings)) == first
    assert len(loaded) == 1


def test_a_model_without_a_template_is_explained_when_it_is_rendered(
    make_tiny_model: Callable[..., Path], stand: Any, tmp_path: Path
) -> None:
    folder = make_tiny_model(tmp_path / "bare")
    for template in folder.glob("chat_template*"):
        template.unlink()

    async def work(models: Models) -> Any:
        await models.policy.generate(HELLO)

    context = dataclasses.replace(
        stand.context(roles={"policy": Binding(model=str(folder))}), open_engine=LazyEngine
    )
    with pytest.raises(EngineError, match="no chat template"):
        ask(work, context)


def test_weights_that_change_while_they_sleep_are_noticed(stand: Any, tiny_model: Path) -> None:
    lazy = LazyEngine(Binding(model=str(tiny_model)), stand.open)
    with pytest.raises(EngineError, match="changed while this run was using it"):
        asyncio.run(lazy.choose(lazy.render(HELLO), [["a"], ["b"]]))


def test_a_session_parks_new_calls_once_it_drains(stand: Any) -> None:
    async def main() -> int:
        session = Session(stand.context())
        await session.drain(0)
        late = asyncio.create_task(Models(session, "row").policy.generate(HELLO))
        for _ in range(20):
            await asyncio.sleep(0)
        late.cancel()
        await session.close()
        return len(stand.asked)

    assert asyncio.run(main()) == 0
