"""A server is judged by more than one call: what one prompt meets, and what all of them do."""

import asyncio
import gzip
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engines.bindings import Binding
from engines.context import Context
from engines.openai import http_client
from engines.openai.engine import OpenAIEngine
from engines.operators.run_rows import Done, Failed, run_rows
from engines.protocol import EngineError, RowError, Sampling, UnavailableError
from tests.engines.provider import Provider, ask, binding, error

pytestmark = pytest.mark.usefixtures("quick")

BAD = "the bad prompt"
PATIENT = {"patience": 0.2, "timeout": 20}
HURRIED = {"patience": 0.2, "timeout": 0.8}
"""For what never ends; long enough for other answers on a busy machine."""


class Moody(Provider):
    """Gives ``answer_bad`` to the bad prompt, and to all others an answer."""

    def __init__(self, answer_bad: Any, **entry: Any) -> None:
        super().__init__(**entry)
        self.answer_bad = answer_bad

    def __call__(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        if body and body["messages"][-1]["content"] == BAD:
            return self.answer_bad() if callable(self.answer_bad) else self.answer_bad
        return super().__call__(method, path, body, headers)


def silence() -> Any:
    time.sleep(1.2)


def dripping() -> Any:
    def drops() -> Iterator[bytes]:
        for _ in range(60):
            time.sleep(0.02)
            yield b" "

    return 200, drops(), {}


def run(
    bound: Binding, folder: Path, rows: list[str], window: int = 64
) -> tuple[list[str], list[str]]:
    """The rows that were answered, and what was said of those that were not."""
    context = Context(
        recipe="recipe",
        stage="stage",
        refresh="2026-01-01",
        roles={"judge": bound},
        journal=folder / "journal.sqlite",
        models=folder,
        window=window,
        failure_limit=0.5,
        progress=False,
    )

    async def work(row: str, models: Any) -> str:
        (written,) = await models.judge.generate([{"role": "user", "content": row}])
        return str(written.text)

    outcomes = list(run_rows(((row, row) for row in rows), work, context, total=len(rows)))
    kept = [one.item for one in outcomes if isinstance(one, Done)]
    failed = [one.message for one in outcomes if isinstance(one, Failed)]
    return kept, failed


ALWAYS = {
    "500": error(500, "it blew up"),
    "502": (502, b"<html><head><title>502</title></head>Bad <b>gateway</b></html>", {}),
    "503": error(503, "no room"),
    "401": error(401, "no"),
    "403": error(403, "flagged by moderation"),
    "404": error(404, "no such thing"),
    "405": error(405, "not so"),
    "413": error(413, "too long"),
    "422": error(422, "no"),
    "429": error(429, "tokens per minute: 100, requested 200"),
    "closed": None,
    "silent": silence,
    "drips": dripping,
    "empty": (200, b"", {}),
    "no choices": (200, {"choices": []}, {}),
    "error in 200": (200, {"error": {"code": 429, "message": "upstream is busy"}}, {}),
    "error in choice": (
        200,
        {
            "choices": [
                {
                    "message": {"content": "It i"},
                    "finish_reason": "error",
                    "error": {"code": 502, "message": "upstream died"},
                }
            ]
        },
        {},
    ),
    "cut off": (200, b'{"choices": [', {"content-length": "4000"}),
    "no gzip": (200, b"plain", {"content-encoding": "gzip"}),
    "too many redirects": (307, b"", {"location": "/v1/chat/completions"}),
}


@pytest.mark.parametrize("answer", ALWAYS.values(), ids=ALWAYS)
@pytest.mark.parametrize("alone", [False, True], ids=["among others", "alone"])
def test_a_prompt_that_is_never_answered_costs_its_row_only(
    answer: Any, alone: bool, http_stub: Callable[..., Any], tmp_path: Path
) -> None:
    options = HURRIED if answer in (silence, dripping) else PATIENT
    bound = binding(http_stub(Moody(answer)).url, options=options)
    others = [] if alone else [f"row {number}" for number in range(6)]
    kept, failed = run(bound, tmp_path, [BAD, *others])
    assert sorted(kept) == others
    assert len(failed) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (error(401, "who are you?"), EngineError, "refuses the key"),
        (error(403, "not you"), EngineError, "refuses the key"),
        (error(402, "pay first"), EngineError, "no credit"),
        (error(404, "no such model"), EngineError, "serves 'm'"),
        (error(500, "it blew up"), UnavailableError, "answers 500: it blew up"),
        (None, UnavailableError, "does not answer"),
        (silence, UnavailableError, "no complete answer within"),
        (dripping, UnavailableError, "no complete answer within"),
        ((200, {"error": {"code": "invalid_api_key", "message": "?"}}, {}), EngineError, "key"),
        ((200, b"<html>Please log in</html>", {}), EngineError, "gives no completion"),
    ],
)
def test_a_server_that_answers_nobody_stops_the_run(
    answer: Any, kind: type[EngineError], said: str, http_stub: Callable[..., Any], tmp_path: Path
) -> None:
    class Gone(Provider):
        def __call__(self, method: str, *request: Any) -> Any:
            if method == "GET":
                return super().__call__(method, *request)
            return answer() if callable(answer) else answer

    options = PATIENT if kind is UnavailableError else {"patience": 20, "timeout": 20}
    if answer in (silence, dripping):
        options = HURRIED
    bound = binding(http_stub(Gone()).url, options=options)
    with pytest.raises(kind, match=said) as caught:
        run(bound, tmp_path, [f"row {number}" for number in range(30)])
    assert type(caught.value) is kind


def test_a_wrong_key_is_not_tried_by_every_row(
    http_stub: Callable[..., Any], tmp_path: Path
) -> None:
    posts = []

    def refusing(method: str, *request: Any) -> Any:
        if method == "GET":
            return Provider()(method, *request)
        posts.append(request)
        return error(401, "who are you?")

    with pytest.raises(EngineError, match="refuses the key"):
        run(binding(http_stub(refusing).url), tmp_path, [str(row) for row in range(500)], 500)
    assert len(posts) < 100


def test_a_server_that_stops_in_mid_run_is_not_blamed_on_the_rows(
    http_stub: Callable[..., Any], tmp_path: Path
) -> None:
    class Dying(Provider):
        def __call__(self, method: str, *request: Any) -> Any:
            if len(self.posts) >= 40:
                return error(503, "shutting down")
            return super().__call__(method, *request)

    bound = binding(http_stub(Dying()).url, options=PATIENT)
    with pytest.raises(UnavailableError, match="shutting down"):
        run(bound, tmp_path, [f"row {number}" for number in range(100)])


def test_a_row_that_waits_holds_nobody_up(http_stub: Callable[..., Any], tmp_path: Path) -> None:
    moody = Moody(error(500, "it blew up"))
    bound = binding(http_stub(moody).url, concurrency=1, options={"patience": 0.5, "timeout": 5})
    kept, failed = run(bound, tmp_path, [BAD, *(f"row {number}" for number in range(20))])
    assert len(kept) == 20
    assert len(failed) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (429, "429"),
        ("429", "429"),
        ("rate_limit_exceeded", "429"),
        ("server_error", "500"),
        ("overloaded_error", "503"),
        (None, "500"),
    ],
)
def test_an_error_in_a_200_is_waited_out_like_its_code(
    code: Any, words: str, provider: Provider, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider.replies = [(200, {"error": {"code": code, "message": "come again"}}, {})] * 4
    assert ask(binding(url)).text == "seven"
    assert f"answers {words}: come again" in caplog.text


def test_an_error_in_a_200_that_refuses_the_prompt(provider: Provider, url: str) -> None:
    said = {"error": {"code": "context_length_exceeded", "message": "too long by half"}}
    provider.replies = [(200, said, {})]
    with pytest.raises(RowError, match=r"refuses the prompt \(400\): too long by half"):
        ask(binding(url))
    assert len(provider.posts) == 1


def test_answers_come_packed_and_in_pieces(provider: Provider, url: str) -> None:
    whole = json.dumps(provider.answer({})).encode()
    provider.replies = [
        (200, gzip.compress(whole), {"content-encoding": "gzip"}),
        (200, iter([whole[:10], whole[10:]]), {}),
    ]
    assert [ask(binding(url)).text for _ in range(2)] == ["seven"] * 2


def large(*, packed: bool) -> Any:
    zeros = bytes(2**16)
    if not packed:
        return 200, (zeros for _ in range(1000)), {}
    return 200, gzip.compress(zeros * 100, 1), {"content-encoding": "gzip"}


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_of_gigabytes_is_refused(
    packed: bool, http_stub: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert http_client.LARGEST == 64 * 2**20
    monkeypatch.setattr(http_client, "LARGEST", 2**20)
    bound = binding(http_stub(Moody(partial(large, packed=packed))).url, options=PATIENT)
    kept, failed = run(bound, tmp_path, [BAD, "another row"])
    assert kept == ["another row"]
    assert "gives an answer of more than 1 MiB" in failed[0]


def test_a_redirected_request_is_answered_where_it_leads(
    provider: Provider, url: str, http_stub: Callable[..., Any]
) -> None:
    def moved(method: str, path: str, *_: Any) -> Any:
        return 307, b"", {"location": f"{url.removesuffix('/v1')}{path}"}

    assert ask(binding(http_stub(moved).url)).text == "seven"


def test_a_redirection_that_loses_the_prompt_names_where_it_leads(
    provider: Provider, url: str, http_stub: Callable[..., Any]
) -> None:
    def moved(method: str, *_: Any) -> Any:
        return 302 if method == "POST" else 307, b"", {"location": f"{url}/models"}

    with pytest.raises(EngineError, match=rf"answers 302: it redirects to {url}/models and loses"):
        ask(binding(http_stub(moved).url))


def test_a_request_that_drips_is_over_when_its_time_is(http_stub: Callable[..., Any]) -> None:
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"no complete answer within 0\.8 s"):
        OpenAIEngine(binding(http_stub(lambda *_: dripping()).url, options=HURRIED))
    assert time.monotonic() - began < 10


def test_one_outage_is_told_once(
    provider: Provider, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider.replies = [error(503, "loading")] * 24

    async def together() -> None:
        engine = OpenAIEngine(binding(url))
        prompt = engine.render([{"role": "user", "content": "?"}])
        await asyncio.gather(*(engine.generate(prompt, Sampling(), n) for n in range(8)))
        await engine.close()

    with caplog.at_level(logging.WARNING, "engines.openai.client"):
        asyncio.run(together())
    assert len([one for one in caplog.records if one.name == "engines.openai.client"]) == 1
