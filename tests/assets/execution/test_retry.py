"""What is tried again without a person, and what is told at once."""

import errno
import socket
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg
import httpx2
import openai
import polars as pl
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from assets.config.errors import FactoryError
from assets.config.operation import Retries
from assets.definitions import build_definitions
from assets.execution.io_manager import TablesIOManager
from assets.execution.judge_probes import ProbesFailed
from assets.execution.retry import as_dagster_failure, is_temporary, retried
from assets.execution.run_liveness import here
from assets.prompts.incremental_read import stamp_of
from assets.storage.tables import MissingTableError
from engines.journal.errors import BusyJournalError, JournalError
from engines.journal.lock import FileLock
from engines.operators.run_rows import FailureLimitError
from engines.protocol import EngineError, RowError, UnavailableError
from generators import HubDataset
from schemas import Dropped, Prompts, Split, empty

DAY = "2026-11-01"
AT_ONCE = Retries(times=2, seconds=0)


def answered(status: int) -> HfHubHTTPError:
    request = httpx2.Request("GET", "http://store")
    return HfHubHTTPError("no", response=httpx2.Response(status, request=request))


@pytest.fixture
def closed() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def ask_openai(url: str) -> None:
    openai.OpenAI(base_url=url, api_key="none", max_retries=0).models.list()


def ask_the_hub(url: str) -> None:
    HfApi(endpoint=url).dataset_info("me/mine")


def read_of_the_hub(url: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.ENDPOINT", url)
        stamp_of(HubDataset(dataset="me/mine", licence="x", prompt="q"), name="mine")


def ask_a_webhook(url: str) -> None:
    urllib.request.urlopen(url)


@pytest.mark.parametrize("ask", [ask_openai, ask_the_hub, read_of_the_hub, ask_a_webhook])
def test_a_server_that_nobody_started_may_be_there_later(
    ask: Callable[[str], None], closed: str
) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011
        ask(closed)
    assert is_temporary(refused.value)


def raised(error: BaseException, *causes: BaseException, hidden: bool = False) -> BaseException:
    """``error`` as one that was raised from the others; ``hidden``: `from None`."""
    for outer, inner in zip([error, *causes], causes, strict=False):
        outer.__context__ = inner
        outer.__cause__ = None if hidden else inner
        outer.__suppress_context__ = True
    return error


@pytest.mark.parametrize(
    "error",
    [
        UnavailableError("the server does not answer"),
        BusyJournalError("another run is writing"),
        raised(FactoryError("source 'x' cannot be read"), ValueError("no"), answered(503)),
        answered(429),
        httpx2.ConnectError("no route"),
        httpx2.ReadTimeout("no answer"),
        socket.gaierror(socket.EAI_AGAIN, "no name server"),
        OSError(errno.EIO, "the store fails"),
        ConnectionResetError(),
        TimeoutError(),
    ],
)
def test_what_may_pass(error: BaseException) -> None:
    assert is_temporary(error)


@pytest.mark.parametrize(
    "error",
    [
        EngineError("no chat template"),
        JournalError("the journal is damaged"),
        RowError("too long"),
        ProbesFailed("fell for nothing"),
        MissingTableError("make it first"),
        raised(FailureLimitError("all rows failed"), UnavailableError("busy")),
        raised(EngineError("refuses the key"), answered(503), hidden=True),
        answered(403),
        OfflineModeIsEnabled("HF_HUB_OFFLINE is set"),
        FileNotFoundError(errno.ENOENT, "no such file"),
        OSError(errno.ENOSPC, "the disk is full"),
        ValueError("a bug"),
    ],
)
def test_what_needs_a_person(error: BaseException) -> None:
    assert not is_temporary(error)


def run_of(
    errors: Sequence[BaseException], *, tags: dict[str, str] | None = None
) -> dg.ExecuteInProcessResult:
    """A run of a stage that fails with each of ``errors`` in turn before it succeeds."""
    left = list(errors)

    @dg.asset
    def stage(context: dg.AssetExecutionContext) -> None:
        with retried(context.run, context.retry_number, AT_ONCE), as_dagster_failure():
            if left:
                raise left.pop(0)

    return dg.materialize([stage], raise_on_error=False, tags=tags)


def events(result: Any, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
    return [event for event in result.all_events if event.event_type == kind]


def test_a_failure_that_passes_costs_nobody_a_night() -> None:
    result = run_of([UnavailableError("busy"), ConnectionResetError()])
    assert result.success
    assert len(events(result, dg.DagsterEventType.STEP_UP_FOR_RETRY)) == 2


def test_one_that_does_not_pass_ends_the_run_in_the_users_words() -> None:
    result = run_of([UnavailableError("start the server")] * 3)
    assert not result.success
    assert len(events(result, dg.DagsterEventType.STEP_UP_FOR_RETRY)) == 2
    (failed,) = events(result, dg.DagsterEventType.STEP_FAILURE)
    assert failed.step_failure_data.user_failure_data.description == "start the server"


@pytest.mark.parametrize("error", [EngineError("bind it"), FactoryError("bind it")])
def test_what_needs_a_person_is_not_tried_again(error: Exception) -> None:
    result = run_of([error])
    assert not events(result, dg.DagsterEventType.STEP_UP_FOR_RETRY)
    (failed,) = events(result, dg.DagsterEventType.STEP_FAILURE)
    assert failed.step_failure_data.user_failure_data.description == "bind it"


def test_a_person_in_the_terminal_is_told_at_once() -> None:
    result = run_of([UnavailableError("start the server")], tags=here(1))
    assert not result.success
    assert not events(result, dg.DagsterEventType.STEP_UP_FOR_RETRY)


def test_a_store_that_fails_for_a_moment_is_asked_again(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flaky = {"write": [OSError(errno.EIO, "flaky")], "read": [TimeoutError("flaky")]}

    class Flaky(TablesIOManager):
        def dump_to_path(self, *args: Any, **kwargs: Any) -> None:
            for error in flaky["write"][:1]:
                flaky["write"].remove(error)
                raise error
            super().dump_to_path(*args, **kwargs)

        def load_from_path(self, *args: Any, **kwargs: Any) -> pl.DataFrame:
            for error in flaky["read"][:1]:
                flaky["read"].remove(error)
                raise error
            return super().load_from_path(*args, **kwargs)

    @dg.asset(key=["recipe", "prompts"], io_manager_key="tables")
    def prompts() -> Split:
        return Split(empty(Prompts), empty(Dropped))

    @dg.asset(
        ins={"prompts": dg.AssetIn(key=["recipe", "prompts"])},
        key=["recipe", "pairs"],
        io_manager_key="tables",
    )
    def pairs(prompts: pl.DataFrame) -> Split:
        return Split(prompts, empty(Dropped))

    result = dg.materialize([prompts, pairs], resources={"tables": Flaky(tmp_path, AT_ONCE)})
    assert result.success
    assert len(events(result, dg.DagsterEventType.STEP_UP_FOR_RETRY)) == 2


def executed(workshop: Any, recipe: str) -> Any:
    """A run that nobody watches, as the daemon starts it."""
    job = build_definitions(workshop.project(), [recipe]).resolve_job_def(recipe)
    return job.execute_in_process(
        partition_key=DAY, instance=dg.DagsterInstance.ephemeral(), raise_on_error=False
    )


def retried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTORY_RETRIES__TIMES", "1")
    monkeypatch.setenv("FACTORY_RETRIES__SECONDS", "0")


def test_a_model_server_that_is_down_is_waited_for(
    ran: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop, _ = ran
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    workshop.recipe("downed", {"responses": {"use": "generators.Sample", "model": "judge", "n": 1}})
    down = {"ENGINE": "openai", "URL": url, "SERVED_AS": "m", "OPTIONS__PATIENCE": "0"}
    for name, value in down.items():
        monkeypatch.setenv(f"FACTORY_ROLES__JUDGE__{name}", value)
    retried_once(monkeypatch)
    result = executed(workshop, "downed")
    assert len(events(result, dg.DagsterEventType.STEP_UP_FOR_RETRY)) == 1
    (failed,) = events(result, dg.DagsterEventType.STEP_FAILURE)
    assert "does not answer" in failed.step_failure_data.user_failure_data.description


def test_a_journal_that_another_process_holds_is_waited_for(
    ran: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop, _ = ran
    retried_once(monkeypatch)
    workshop.recipe("journaled", {"responses": {"use": "generators.Sample", "n": 1, "top_k": 7}})
    monkeypatch.setattr("engines.journal.store.PATIENCE", 0)
    other = FileLock(workshop.folder / "data" / "journal.sqlite.lock")
    other.acquire()
    free: Callable[..., Any] = retried

    def freeing(*args: Any) -> Any:
        # The other process ends before the second attempt.
        if args[1]:
            other.close()
        return free(*args)

    monkeypatch.setattr("assets.components.recipe.retried", freeing)
    try:
        result = executed(workshop, "journaled")
    finally:
        other.close()
    assert result.success
    assert len(events(result, dg.DagsterEventType.STEP_UP_FOR_RETRY)) == 1
