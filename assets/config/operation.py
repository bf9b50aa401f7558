"""The part of ``factory.yaml`` about unattended runs: schedules, retries, alerts, freshness."""

from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, model_validator

from engines.bindings import VariableName
from schemas.parameters import Parameters

_YEAR = 366 * 24.0
_CRON_FIELDS = 5


def _cron(text: str) -> str:
    try:
        CronSim(text, datetime.now(UTC))
    except CronSimError as error:
        raise ValueError(f"{text!r} is no cron expression, as '0 3 * * *': {error}") from None
    if len(text.split()) != _CRON_FIELDS:
        raise ValueError(f"{text!r} must have the five fields of cron; seconds are not possible")
    return text


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"{name!r} is no time zone, as 'Europe/Berlin' or 'UTC'") from None
    return name


Cron = Annotated[str, AfterValidator(_cron)]
"""When something runs: minute, hour, day of the month, month, day of the week."""
TimeZone = Annotated[str, Field(min_length=1), AfterValidator(_time_zone)]
"""The name of a time zone in the IANA database."""


class RecipeSchedule(Parameters):
    """When the nightly schedule of a recipe runs. What is left out is as for all recipes.

    Attributes:
        cron: The times, as five fields of cron.
        timezone: The time zone of ``cron``.
        rows: The largest number of prompts of a scheduled refresh.
    """

    cron: Cron | None = None
    timezone: TimeZone | None = None
    rows: int | None = Field(default=None, ge=1)


class Schedule(Parameters):
    """When recipes run unattended, and which days there are to refresh.

    Attributes:
        cron: The times of all nightly schedules, as five fields of cron.
        timezone: The time zone of ``cron``, and of the days: a refresh is a day there.
        rows: The largest number of prompts of a scheduled refresh; by default the recipe's.
        start: The first day that can be refreshed, and that the UI offers. By default the day of
            the oldest refresh that is stored, or yesterday if that is earlier.
    """

    cron: Cron = "0 0 * * *"
    timezone: TimeZone = "UTC"
    rows: int | None = Field(default=None, ge=1)
    start: date | None = None

    @property
    def today(self) -> date:
        """The present day in the time zone."""
        return datetime.now(ZoneInfo(self.timezone)).date()

    def changed(self, *changes: RecipeSchedule | None) -> "Schedule":
        """The schedule with what a recipe sets. Later changes win."""
        given = [each.model_dump(exclude_none=True) for each in changes if each is not None]
        return self.model_copy(
            update={name: value for each in given for name, value in each.items()}
        )

    @property
    def description(self) -> str:
        """When it runs, as ``At 03:00 every day (Europe/Berlin)``."""
        return f"{CronSim(self.cron, datetime.now(UTC)).explain()} ({self.timezone})"


class Retries(Parameters):
    """How a stage is retried after a temporary failure.

    Temporary failures are a server that is down or busy, a journal that another process holds,
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
