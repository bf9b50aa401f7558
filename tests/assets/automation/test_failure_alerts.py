"""Who is told of a failed run, what they are told, and what nobody is ever told."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.automation.failure_alerts import alerts_sensor
from assets.config.errors import SettingsError
from assets.config.settings import Settings, load_settings
from assets.definitions import build_definitions
from tests.http_stub import HttpStub, Reply

HIDDEN = "sk-a-key-of-somebody"


class Webhook:
    """Listens on this machine; refuses as often as ``busy`` says."""

    def __init__(self) -> None:
        self.posted: list[Any] = []
        self.busy: list[int] = []
        self.stub = HttpStub(self.answer)
        self.url = f"{self.stub.url}/services/T0/secret"

    def answer(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Reply:
        status = self.busy.pop(0) if self.busy else 200
        if status == 200:
            self.posted.append(body)
        return status, {}, {}


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    monkeypatch.setenv("ALERT_URL", hook.url)
    yield hook
    hook.stub.stop()


def settings(workshop: Any, **alerts: Any) -> Settings:
    workshop.configure(alerts=alerts)
    return load_settings()


@contextmanager
def failed(error: Exception) -> Iterator[dg.RunFailureSensorContext]:
    """What Dagster tells of a run whose stage raised ``error``."""

    @dg.asset(
        key=["online_dpo", "responses"],
        partitions_def=dg.StaticPartitionsDefinition(["2026-11-03"]),
    )
    def responses() -> None:
        raise error

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [responses], instance=instance, partition_key="2026-11-03", raise_on_error=False
        )
        yield dg.build_run_status_sensor_context(
            sensor_name="alerts",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        ).for_run_failure()


def tell(known: Settings, error: Exception) -> None:
    sensor = alerts_sensor(known)
    assert sensor is not None
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    with failed(error) as context:
        sensor(context)


def test_nobody_is_told_unless_the_configuration_says_whom(workshop: Any) -> None:
    assert alerts_sensor(load_settings()) is None
    workshop.configure(alerts={"command": ["cat"]})
    names = [sensor.name for sensor in build_definitions(workshop.project(), []).sensors or []]
    assert "alerts" in names
    workshop.configure(alerts={})
    with pytest.raises(SettingsError, match="set 'webhook_env'"):
        load_settings()
    workshop.configure(alerts={"webhook": "http://example.org"})
    with pytest.raises(SettingsError, match="did you mean 'webhook_env'"):
        load_settings()


def test_a_webhook_gets_recipe_stage_refresh_and_the_users_words(
    workshop: Any, webhook: Webhook
) -> None:
    known = settings(workshop, webhook_env="ALERT_URL")
    webhook.busy = [503, 429]
    tell(known, dg.Failure("'m' at http://localhost:8000 does not answer: start it"))
    (body,) = webhook.posted
    first, run = body["text"].splitlines()
    assert first == (
        "online_dpo/responses, refresh 2026-11-03 failed: "
        "'m' at http://localhost:8000 does not answer: start it"
    )
    assert run.startswith("run ")


def test_an_error_that_nobody_wrote_for_users_is_told_by_its_cause(
    workshop: Any, webhook: Webhook
) -> None:
    known = settings(workshop, webhook_env="ALERT_URL")
    wrapped = RuntimeError("outer")
    wrapped.__cause__ = KeyError("logits")
    tell(known, wrapped)
    assert "failed: KeyError: 'logits'" in webhook.posted[0]["text"]


def test_no_secret_is_told(
    workshop: Any, webhook: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setenv("JUDGE_KEY", HIDDEN)
    judge = {"engine": "openai", "url": "http://x/v1", "served_as": "m", "api_key_env": "JUDGE_KEY"}
    roles = {role: {"model": "m"} for role in ("policy",)} | {"judge": judge}
    workshop.configure(roles=roles)
    known = settings(workshop, webhook_env="ALERT_URL")
    tell(known, dg.Failure(f"the server says: bad key {HIDDEN}, see {webhook.url}"))
    told = webhook.posted[0]["text"] + caplog.text
    assert "bad key [JUDGE_KEY], see [ALERT_URL]" in told
    assert HIDDEN not in told
    assert webhook.url not in told


@pytest.mark.parametrize(
    ("url", "status", "says"),
    [
        ("", 200, "does not hold a URL"),
        ("file:///etc/passwd", 200, "does not hold a URL"),
        (None, 404, "it answers 404"),
    ],
)
def test_an_alert_that_cannot_be_posted_says_so_without_the_url(
    workshop: Any,
    webhook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
    url: str | None,
    status: int,
    says: str,
) -> None:
    known = settings(workshop, webhook_env="ALERT_URL")
    webhook.busy = [status]
    if url is not None:
        monkeypatch.setenv("ALERT_URL", url)
    with pytest.raises(Exception, match=says) as caught:
        tell(known, dg.Failure("it failed"))
    assert "secret" not in str(caught.value)
    assert not webhook.posted


def test_a_command_is_handed_the_text(workshop: Any, tmp_path: Path) -> None:
    kept = tmp_path / "alert.txt"
    write = f"import sys; open({str(kept)!r}, 'w').write(sys.stdin.read())"
    tell(settings(workshop, command=[sys.executable, "-c", write]), dg.Failure("no room"))
    assert kept.read_text().startswith("online_dpo/responses, refresh 2026-11-03 failed: no room")
    fails = settings(workshop, command=[sys.executable, "-c", "import sys; sys.exit('no mail')"])
    with pytest.raises(Exception, match="ended with exit code 1: no mail"):
        tell(fails, dg.Failure("no room"))


def test_a_run_that_was_killed_is_told_of_too(workshop: Any, webhook: Webhook) -> None:
    sensor = alerts_sensor(settings(workshop, webhook_env="ALERT_URL"))
    assert sensor is not None

    @dg.job(name="online_dpo")
    def job() -> None: ...

    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(job, tags={"dagster/partition": "2026-11-03"})
        event = instance.report_run_failed(run, "it was killed: its processes (7) are gone")
        context = dg.build_run_status_sensor_context(
            sensor_name="alerts", dagster_event=event, dagster_instance=instance, dagster_run=run
        )
        sensor(context.for_run_failure())
    told = webhook.posted[0]["text"]
    assert told.startswith("online_dpo, refresh 2026-11-03 failed: it was killed")
