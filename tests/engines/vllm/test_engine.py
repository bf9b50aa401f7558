"""vLLM on this computer's CPU, in process and as a server, with a real pocket model.

Run by ``make test-vllm``, where vLLM is installed. One engine and one server (twice started) serve
all tests: each takes half a minute to load.
"""

import asyncio
import json
import math
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from engines.bindings import Binding
from engines.choices import exact, spellings
from engines.openai import retry_budget as patience
from engines.protocol import Choice, Engine, EngineError, Generation, Rendered, RowError, Sampling
from tests.served import SETTINGS, STARTS, Served

pytestmark = pytest.mark.vllm

T = TypeVar("T")

BASE = Path(__file__).parents[3] / "pocket" / "checkpoints" / "base"
PROBLEMS = [
    "Tom has 4 apples. He gets 5 more apples. How many apples does Tom have?",
    "Ann has 3 bags with 6 plums each. How many plums does Ann have?",
    "Sam has 9 pens. He gives 2 pens to Eva. How many pens does Sam have?",
    "Mia has 7 coins. Her coins double. How many coins does Mia have?",
]
GREEDY = Sampling(temperature=0.0, max_tokens=64)
DRAWN = Sampling(temperature=1.0, max_tokens=48)


def question(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    # Told to stop, pytest would leave without tearing down, and the server would stay.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = Served(BASE, log=tmp_path_factory.mktemp("vllm") / "server.log")
    try:
        yield server
    finally:
        server.kill()
        signal.signal(signal.SIGTERM, before)


class Here:
    """An engine in this process, and the event loop that it lives in."""

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        self.engine = engine
        self.loop = loop

    def run(self, asked: Awaitable[T]) -> T:
        async def run() -> T:
            return await asked

        return self.loop.run_until_complete(run())

    def prompt(self, text: str) -> Rendered:
        return self.engine.render(question(text))

    def generate(
        self, texts: Sequence[str], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        """One answer for each text and seed, all in flight together."""

        async def together() -> list[Generation]:
            asked = [
                self.engine.generate(self.prompt(text), sampling, seed)
                for text in texts
                for seed in seeds
            ]
            return await asyncio.gather(*asked)

        return self.run(together())

    def choose(self, text: str, options: Sequence[str], *, spelled: bool = False) -> Choice:
        ways = spellings(tuple(options)) if spelled else exact(options)
        return self.run(self.engine.choose(self.prompt(text), ways))


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def here(served: Served, loop: asyncio.AbstractEventLoop) -> Iterator[Here]:
    """vLLM in this process."""
    from engines.vllm.engine import VLLMEngine

    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        options = {"enforce_eager": True, "max_num_seqs": 16}
        engine = VLLMEngine(Binding(model=str(BASE), engine="vllm", options=options))
        here = Here(engine, loop)
        yield here
        here.run(engine.close())


@pytest.fixture(scope="module")
def embedded(loop: asyncio.AbstractEventLoop) -> Iterator[Here]:
    """The same weights in the Transformers engine."""
    from engines.local.engine import TransformersEngine

    here = Here(TransformersEngine(Binding(model=str(BASE))), loop)
    yield here
    here.run(here.engine.close())


@pytest.fixture(scope="module")
def over_http(served: Served, loop: asyncio.AbstractEventLoop) -> Iterator[Here]:
    from engines.openai.engine import OpenAIEngine

    served.wait()
    here = Here(OpenAIEngine(openai_binding(served.url)), loop)
    yield here
    here.run(here.engine.close())


def openai_binding(url: str) -> Binding:
    options = {"patience": STARTS, "timeout": 60}
    return Binding(engine="openai", url=url, served_as="pocket", model=str(BASE), options=options)


@pytest.fixture(params=["here", "over_http"])
def vllm(request: pytest.FixtureRequest) -> Here:
    """vLLM either way."""
    return request.getfixturevalue(request.param)


def test_greedy_answers_are_those_of_the_embedded_engine(vllm: Here, embedded: Here) -> None:
    ours = vllm.generate(PROBLEMS, GREEDY, [0])
    theirs = embedded.generate(PROBLEMS, GREEDY, [0])
    assert [one.text for one in ours] == [one.text for one in theirs]
    assert [one.token_ids for one in ours] == [one.token_ids for one in theirs]
    assert [one.finish for one in ours] == [one.finish for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)


def test_logprobs_are_those_at_temperature_one(vllm: Here, embedded: Here) -> None:
    hot = Sampling(temperature=1.5, top_k=20, max_tokens=24)
    text = PROBLEMS[0]
    for one in vllm.generate([text], hot, range(4)):
        prompt = embedded.prompt(text)
        (scored,) = embedded.run(
            embedded.engine.score(prompt, [one.text], end=[one.finish == "stop"])
        )
        if scored.token_ids == one.token_ids:
            assert one.logprobs == pytest.approx(scored.logprobs, abs=1e-3)


def test_a_seed_gives_the_same_text_whatever_else_is_in_flight(vllm: Here) -> None:
    alone = [vllm.generate([PROBLEMS[0]], DRAWN, [seed])[0] for seed in range(4)]
    crowded = vllm.generate(PROBLEMS, DRAWN, range(8))
    assert [one.text for one in crowded[:4]] == [one.text for one in alone]
    assert len({one.text for one in crowded[:8]}) > 1


def test_a_text_is_held_to_a_pattern(vllm: Here) -> None:
    graded = Sampling(temperature=1.0, max_tokens=16, pattern=r"Score: [1-5]")
    assert vllm.engine.constrains
    for one in vllm.generate(PROBLEMS, graded, range(2)):
        assert re.fullmatch(r"Score: [1-5]", one.text)


def test_a_stop_string_ends_the_text(vllm: Here) -> None:
    (whole,) = vllm.generate([PROBLEMS[0]], GREEDY, [0])
    stop = whole.text[len(whole.text) // 2 :][:3]
    (cut,) = vllm.generate([PROBLEMS[0]], Sampling(temperature=0.0, stop=(stop,)), [0])
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.finish == "stop"


def test_a_text_may_be_cut_off(vllm: Here) -> None:
    (cut,) = vllm.generate([PROBLEMS[0]], Sampling(temperature=0.0, max_tokens=3), [0])
    assert (cut.finish, len(cut.token_ids), len(cut.logprobs)) == ("length", 3, 3)


def test_a_begun_answer_is_continued(vllm: Here, embedded: Here) -> None:
    begun = [*question(PROBLEMS[0]), {"role": "assistant", "content": "4 + 5 ="}]

    def more(engine: Here) -> str:
        prompt = engine.engine.render(begun)
        return engine.run(engine.engine.generate(prompt, GREEDY, 0)).text

    assert more(vllm) == more(embedded)


def test_arguments_that_a_template_does_not_know_change_nothing(
    served: Served, over_http: Here
) -> None:
    from engines.openai.engine import OpenAIEngine

    binding = openai_binding(served.url)
    told = binding.model_copy(update={"template_arguments": {"enable_thinking": False}})
    engine = Here(OpenAIEngine(told), over_http.loop)
    greedy = Sampling(temperature=0.0)
    assert engine.generate(PROBLEMS, greedy, [0]) == over_http.generate(PROBLEMS, greedy, [0])
    engine.run(engine.engine.close())


@pytest.mark.parametrize(
    "options", [["yes", "no"], ["A", "B"], ["1", "2", "10"], ["right answer", "right ans", "bad"]]
)
def test_a_choice_is_that_of_the_embedded_engine(
    vllm: Here, embedded: Here, options: list[str]
) -> None:
    text = f"Is this solution right? {PROBLEMS[0]} Answer: 9"
    for spelled in (False, True):
        chosen = vllm.choose(text, options, spelled=spelled)
        expected = embedded.choose(text, options, spelled=spelled)
        assert chosen.logprobs == pytest.approx(expected.logprobs, abs=1e-3)
        assert math.fsum(map(math.exp, chosen.logprobs)) == pytest.approx(1.0)
        assert chosen.mass == pytest.approx(expected.mass, abs=1e-3)


def test_choosing_and_writing_share_a_batch(vllm: Here) -> None:
    async def both() -> tuple[list[Generation], list[Choice]]:
        prompts = [vllm.prompt(text) for text in PROBLEMS]
        written = asyncio.gather(*(vllm.engine.generate(p, DRAWN, 1) for p in prompts))
        options = exact(["yes", "no"])
        chosen = asyncio.gather(*(vllm.engine.choose(p, options) for p in prompts))
        return await written, await chosen

    written, chosen = vllm.run(both())
    assert all(-math.inf < value <= 0 for one in written for value in one.logprobs)
    for text, choice in zip(PROBLEMS, chosen, strict=True):
        alone = vllm.choose(text, ["yes", "no"])
        assert choice.logprobs == pytest.approx(alone.logprobs, abs=1e-3)


def test_a_prompt_too_long_costs_its_row(vllm: Here) -> None:
    config = json.loads((BASE / "config.json").read_text())
    with pytest.raises(RowError, match=str(config["max_position_embeddings"])):
        vllm.generate(["apples " * 2000], GREEDY, [0])
    assert vllm.generate([PROBLEMS[0]], GREEDY, [0])


def test_seeded_prompts_of_more_tokens_than_a_step_takes(vllm: Here) -> None:
    # 16 are in flight, each of a thousand tokens and more.
    long = [f"{problem} {'apples ' * 1000}" for problem in PROBLEMS]
    assert len(vllm.generate(long, DRAWN, range(4))) == 16


def test_scoring_is_not_for_vllm(vllm: Here) -> None:
    with pytest.raises(EngineError, match="does not score"):
        vllm.run(vllm.engine.score(vllm.prompt("hi"), ["yes"], end=[True]))


def test_the_revision_is_the_model_not_how_fast_it_runs(here: Here) -> None:
    from engines.weights import weights_revision

    assert here.engine.revision == weights_revision(Binding(model=str(BASE), engine="vllm"))


def test_a_model_that_is_not_served(served: Served, over_http: Here) -> None:
    from engines.openai.engine import OpenAIEngine

    with pytest.raises(EngineError, match="it serves 'pocket'"):
        OpenAIEngine(Binding(engine="openai", url=served.url, served_as="other"))


def test_errors_between_here_and_the_server_are_waited_out(
    served: Served,
    over_http: Here,
    http_stub: Callable[..., Any],
    loop: asyncio.AbstractEventLoop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy answers every second request with 429 or 500 before it passes the next one on."""
    from engines.openai.engine import OpenAIEngine

    monkeypatch.setattr(patience, "FIRST_WAIT", 0.01)
    refused: list[int] = []

    def proxy(method: str, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        if method == "POST" and len(refused) < 12 and (len(refused) < 4 or body["seed"] % 2):
            refused.append(500 if len(refused) % 2 else 429)
            return refused[-1], {"error": {"message": "not now"}}, {"retry-after": "0"}
        return forward(served, method, path, body)

    through = Here(OpenAIEngine(openai_binding(http_stub(proxy).url)), loop)
    direct = over_http.generate(PROBLEMS[:2], DRAWN, range(6))
    assert through.generate(PROBLEMS[:2], DRAWN, range(6)) == direct
    assert sorted(set(refused)) == [429, 500]
    assert through.engine.revision == over_http.engine.revision
    through.run(through.engine.close())


def forward(served: Served, method: str, path: str, body: Any) -> tuple[int, bytes, dict[str, str]]:
    import json

    request = urllib.request.Request(
        served.url.removesuffix("/v1") + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, answer.read(), {}


def test_calls_outlast_a_killed_server(served: Served, over_http: Here) -> None:
    """kill -9 while answers are being written; started again, every call completes, with the
    texts that an undisturbed server gave."""
    from engines.openai.engine import OpenAIEngine

    sampling = Sampling(max_tokens=400)
    undisturbed = over_http.generate(PROBLEMS, sampling, range(8))
    # Two at a time: when the first call is done, most have not been sent.
    binding = openai_binding(served.url).model_copy(update={"concurrency": 2})
    by_twos = Here(OpenAIEngine(binding), over_http.loop)

    async def disturbed() -> list[Generation]:
        prompts = [by_twos.prompt(text) for text in PROBLEMS for _ in range(8)]
        calls = [
            asyncio.ensure_future(by_twos.engine.generate(prompt, sampling, number % 8))
            for number, prompt in enumerate(prompts)
        ]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.to_thread(served.kill)
        assert not all(call.done() for call in calls)
        served.start()
        return await asyncio.gather(*calls)

    assert by_twos.run(disturbed()) == undisturbed
    by_twos.run(by_twos.engine.close())


def test_closing_frees_the_engines_processes(here: Here) -> None:
    """Last: nothing asks the engine in this process after it."""
    children = descendants()
    assert children
    here.run(here.engine.close())
    assert not [child for child in children if alive(child)]


def descendants() -> list[int]:
    """Processes of vLLM's that this process started, and theirs; not the server's."""
    import psutil

    return [
        child.pid
        for child in psutil.Process().children(recursive=True)
        if os.getsid(child.pid) == os.getsid(0) and "VLLM" in "".join(child.cmdline())
    ]


def alive(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
