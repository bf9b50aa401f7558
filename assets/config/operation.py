"""What ``factory.yaml`` says of nights without a person: tries again, alerts, how fresh data must
be."""

from pydantic import Field, model_validator

from engines.bindings import VariableName
from schemas.parameters import Parameters

_YEAR = 366 * 24.0


class Retries(Parameters):
    """How a stage is tried again after a failure that may pass: a server that is down or busy, a
    journal that another run writes to, a store or network out of reach. Other failures are final.

    ``times`` at most; the first wait is ``seconds``, and each further one, as `dagster.Backoff`
    has it, twice the last and as many more. Waits are spread at random by up to ``seconds``.
    """

    times: int = Field(default=3, ge=0, le=1000)
    seconds: float = Field(default=30.0, ge=0, le=86_400)


class Alerts(Parameters):
    """Who is told of a run that failed.

    ``webhook_env`` names the environment variable that holds a URL to which ``{"text": …}`` is
    posted (as Slack, Mattermost and Discord's ``/slack`` take it): the URL is a secret, so it is
    stated nowhere else. ``command`` is run with the text on its standard input.
    """

    webhook_env: VariableName | None = None
    command: tuple[str, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _somebody(self) -> "Alerts":
        if self.webhook_env is None and self.command is None:
            raise ValueError("say who is told: give 'webhook_env' or 'command'")
        return self


class Freshness(Parameters):
    """Hours after which a curated dataset that was not made again is called late, and stale."""

    warn_hours: float = Field(default=26.0, gt=0, le=_YEAR)
    fail_hours: float = Field(default=36.0, gt=0, le=_YEAR)

    @model_validator(mode="after")
    def _in_order(self) -> "Freshness":
        if self.warn_hours >= self.fail_hours:
            raise ValueError("'warn_hours' must be less than 'fail_hours'")
        return self
