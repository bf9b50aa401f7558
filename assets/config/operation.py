"""The part of ``factory.yaml`` about unattended runs: retries, alerts, freshness."""

from pydantic import Field, model_validator

from engines.bindings import VariableName
from schemas.parameters import Parameters

_YEAR = 366 * 24.0


class Retries(Parameters):
    """How a stage is retried after a temporary failure.

    Temporary failures are a server that is down or busy, a journal that another run writes to,
    and a store or network that is unreachable. Other failures are final.

    Attributes:
        times: The largest number of retries.
        seconds: The first wait. Later waits grow as in Dagster's exponential backoff
            (``seconds * (2 ** retry - 1)``), with a random jitter of up to ``seconds``.
    """

    times: int = Field(default=3, ge=0, le=1000)
    seconds: float = Field(default=30.0, ge=0, le=86_400)


class Alerts(Parameters):
    """Who is alerted when a run fails.

    Attributes:
        webhook_env: The environment variable that holds a URL. ``{"text": …}`` is posted to it,
            which Slack, Mattermost and Discord's ``/slack`` accept. The URL is a secret, so it is
            not written in the file.
        command: A command and its arguments. It gets the text on its standard input.
    """

    webhook_env: VariableName | None = None
    command: tuple[str, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _somebody(self) -> "Alerts":
        if self.webhook_env is None and self.command is None:
            raise ValueError("set 'webhook_env' or 'command', or both")
        return self


class Freshness(Parameters):
    """How old a curated dataset may be.

    Attributes:
        warn_hours: Hours after which the UI shows it as late.
        fail_hours: Hours after which the UI shows it as stale.
    """

    warn_hours: float = Field(default=26.0, gt=0, le=_YEAR)
    fail_hours: float = Field(default=36.0, gt=0, le=_YEAR)

    @model_validator(mode="after")
    def _in_order(self) -> "Freshness":
        if self.warn_hours >= self.fail_hours:
            raise ValueError("'warn_hours' must be less than 'fail_hours'")
        return self
