"""Tells somebody of a run that failed: the sensor ``alerts``, which is there, and on, where
``factory.yaml`` says whom to tell (`assets.config.operation.Alerts`)."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData
from tenacity import Retrying, retry_if_exception

from assets.config.errors import FactoryError
from assets.config.operation import Alerts
from assets.config.settings import Settings
from engines.network import may_pass, status
from engines.openai.retry_budget import RetryBudget
from schemas.printable import printable

_PATIENCE = 20.0
"""Seconds for which a webhook that is down or busy is tried. Dagster gives a sensor a minute."""
_ONE_TRY = 10.0
_LONGEST = 1500
"""Characters of an error; what was written for users is shorter."""
_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "DAGSTER_PG_URL")
"""Environment variables that hold one, beside those that the configuration names."""


def alerts_sensor(settings: Settings) -> dg.SensorDefinition | None:
    """The sensor that tells of failed runs of this code location; None where nobody is told."""
    alerts = settings.alerts
    if alerts is None:
        return None

    @dg.run_failure_sensor(
        name="alerts",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of every run that failed, as factory.yaml says under alerts",
    )
    def failed(context: dg.RunFailureSensorContext) -> None:
        text = printable(without_secrets("\n".join(_lines(context)), settings))
        context.log.error(text)
        if alerts.webhook_env is not None:
            _post(text, alerts.webhook_env)
        if alerts.command is not None:
            _hand(text, alerts)

    return failed


def without_secrets(text: str, settings: Settings) -> str:
    """``text`` with every key and password struck out that the configuration knows of."""
    named = {binding.api_key_env for binding in settings.roles.values()}
    named.add(settings.alerts.webhook_env if settings.alerts else None)
    for name in (*_SECRETS, *filter(None, named)):
        value = os.environ.get(name, "").strip()
        if value:
            text = text.replace(value, f"[{name}]")
    return text


def _lines(context: dg.RunFailureSensorContext) -> Iterator[str]:
    """Recipe, stage and refresh, and the error in the words that ``factory run`` tells it in."""
    run = context.dagster_run
    refresh = run.tags.get("dagster/partition")
    at = f", refresh {refresh}" if refresh else ""
    failures = context.get_step_failure_events()
    for event in failures:
        # The op of the asset <recipe>/<stage>.
        stage = (event.step_key or "").replace("__", "/", 1)
        yield f"{stage}{at} failed: {_words(event.step_failure_data)}"
    if not failures:
        yield f"{run.job_name}{at} failed: {context.failure_event.message}"
    yield f"run {run.run_id}"


def _words(failure: StepFailureData) -> str:
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    while error is not None and (error.cause or error.context):
        error = error.cause or error.context
    return "it does not say why" if error is None else error.message.strip()[:_LONGEST]


def _post(text: str, variable: str) -> None:
    """Raises `FactoryError`, which never shows the URL: whoever has it can write there."""
    url = os.environ.get(variable, "").strip()
    if not url.startswith(("http://", "https://")):
        raise FactoryError(
            f"the environment variable {variable}, which alerts.webhook_env names, holds no URL: "
            "set it where dagster runs"
        )
    body = json.dumps({"text": text}).encode()
    budget = RetryBudget(_PATIENCE, lambda error: dict(getattr(error, "headers", None) or {}))
    retries = Retrying(
        retry=retry_if_exception(_passes), wait=budget.wait, stop=budget.stop, reraise=True
    )
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        retries(lambda: urllib.request.urlopen(request, timeout=_ONE_TRY).close())
    except OSError as error:
        answered = status(error)
        kind = type(error).__name__
        why = f"it answers {answered}" if answered else f"it does not answer ({kind})"
        raise FactoryError(f"no alert could be posted to the URL in {variable}: {why}") from None


def _passes(error: BaseException) -> bool:
    return isinstance(error, OSError) and (status(error) is None or may_pass(error))


def _hand(text: str, alerts: Alerts) -> None:
    assert alerts.command is not None
    name = alerts.command[0]
    try:
        done = subprocess.run(
            alerts.command, input=text, text=True, capture_output=True, timeout=_ONE_TRY
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FactoryError(f"no alert could be handed to {name}: {error}") from error
    if done.returncode:
        output = done.stderr.strip()[-_LONGEST:]
        raise FactoryError(
            f"{name}, which alerts are handed to, ended with {done.returncode}: {output}"
        )
