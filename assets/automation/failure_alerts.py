"""The sensor ``alerts``: it sends a message when a run fails.

It exists and is switched on if ``factory.yaml`` sets ``alerts`` (see
`assets.config.operation.Alerts`).
"""

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
"""Seconds of retries for a webhook that is down or busy. Dagster stops a sensor after a minute."""
_ONE_TRY = 10.0
"""The timeout of one try, in seconds."""
_LONGEST = 1500
"""The largest number of characters of an error. Errors written for users are shorter."""
_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "DAGSTER_PG_URL")
"""Environment variables that hold a secret, in addition to those that the configuration names."""


def alerts_sensor(settings: Settings) -> dg.SensorDefinition | None:
    """The sensor that reports failed runs of this code location; None without ``alerts``."""
    alerts = settings.alerts
    if alerts is None:
        return None

    @dg.run_failure_sensor(
        name="alerts",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports every failed run to the webhook or command under alerts in "
        "factory.yaml",
    )
    def failed(context: dg.RunFailureSensorContext) -> None:
        text = printable(without_secrets("\n".join(_lines(context)), settings))
        context.log.error(text)
        if alerts.webhook_env is not None:
            _post(text, alerts.webhook_env)
        if alerts.command is not None:
            _run_command(text, alerts)

    return failed


def without_secrets(text: str, settings: Settings) -> str:
    """``text`` without the keys and passwords that the configuration names.

    Each is replaced by the name of its environment variable in brackets.
    """
    named = {binding.api_key_env for binding in settings.roles.values()}
    named.add(settings.alerts.webhook_env if settings.alerts else None)
    for name in (*_SECRETS, *filter(None, named)):
        value = os.environ.get(name, "").strip()
        if value:
            text = text.replace(value, f"[{name}]")
    return text


def _lines(context: dg.RunFailureSensorContext) -> Iterator[str]:
    """The lines of the message: stage, refresh and error as ``factory run`` prints it, run id."""
    run = context.dagster_run
    refresh = run.tags.get("dagster/partition")
    at = f", refresh {refresh}" if refresh else ""
    failures = context.get_step_failure_events()
    for event in failures:
        # Dagster names the step of the asset <recipe>/<stage> <recipe>__<stage>.
        stage = (event.step_key or "").replace("__", "/", 1)
        yield f"{stage}{at} failed: {_failure_message(event.step_failure_data)}"
    if not failures:
        yield f"{run.job_name}{at} failed: {context.failure_event.message}"
    yield f"run {run.run_id}"


def _failure_message(failure: StepFailureData) -> str:
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    while error is not None and (error.cause or error.context):
        error = error.cause or error.context
    return "no reason was recorded" if error is None else error.message.strip()[:_LONGEST]


def _post(text: str, variable: str) -> None:
    """Post the text to the URL in an environment variable.

    Raises:
        FactoryError: It cannot be posted. The message never shows the URL, because it is a secret.
    """
    url = os.environ.get(variable, "").strip()
    if not url.startswith(("http://", "https://")):
        raise FactoryError(
            f"the environment variable {variable} (alerts.webhook_env) does not hold a URL: set it "
            "in the environment of dagster"
        )
    body = json.dumps({"text": text}).encode()
    budget = RetryBudget(_PATIENCE, lambda error: dict(getattr(error, "headers", None) or {}))
    retries = Retrying(
        retry=retry_if_exception(_is_temporary), wait=budget.wait, stop=budget.stop, reraise=True
    )
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        retries(lambda: urllib.request.urlopen(request, timeout=_ONE_TRY).close())
    except OSError as error:
        code = status(error)
        kind = type(error).__name__
        why = f"it answers {code}" if code else f"it does not answer ({kind})"
        raise FactoryError(f"no alert could be posted to the URL in {variable}: {why}") from None


def _is_temporary(error: BaseException) -> bool:
    return isinstance(error, OSError) and (status(error) is None or may_pass(error))


def _run_command(text: str, alerts: Alerts) -> None:
    assert alerts.command is not None
    name = alerts.command[0]
    try:
        process = subprocess.run(
            alerts.command, input=text, text=True, capture_output=True, timeout=_ONE_TRY
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FactoryError(f"no alert could be passed to {name}: {error}") from error
    if process.returncode:
        output = process.stderr.strip()[-_LONGEST:]
        raise FactoryError(
            f"{name} (alerts.command) ended with exit code {process.returncode}: {output}"
        )
