"""When recipes run unattended: the user's cron, time zone, rows and first day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from assets.automation.partitions import shown_days
from assets.config.errors import FactoryError
from assets.config.operation import Schedule
from assets.definitions import build_definitions
from assets.refresh import rounds
from assets.storage.tables import Tables
from schemas import Prompts, Split


def tick(workshop: Any, moment: datetime) -> tuple[dg.ScheduleDefinition, dg.RunRequest]:
    """The schedule of the recipe ``mine``, and what it asks for at a moment."""
    repository = build_definitions(workshop.project(), ["mine"]).get_repository_def()
    nightly = repository.get_schedule_def("mine_nightly")
    context = dg.build_schedule_context(scheduled_execution_time=moment, repository_def=repository)
    (request,) = nightly.evaluate_tick(context).run_requests or []
    return nightly, request


def test_a_recipe_changes_what_all_recipes_have(workshop: Any) -> None:
    workshop.configure(schedule={"cron": "0 3 * * *", "timezone": "Europe/Berlin", "rows": 4})
    workshop.recipe("mine", schedule={"cron": "30 1 * * MON", "rows": 5})
    nightly, request = tick(workshop, datetime(2026, 11, 16, 0, 30, tzinfo=UTC))
    assert (nightly.cron_schedule, nightly.execution_timezone) == ("30 1 * * MON", "Europe/Berlin")
    assert request.run_config["ops"]["mine__prompts"] == {"config": {"rows": 5}}


def test_the_configuration_goes_before_the_recipe(workshop: Any) -> None:
    workshop.configure(recipe_schedules={"mine": {"cron": "0 5 * * *"}})
    workshop.recipe("mine", schedule={"cron": "0 4 * * *", "rows": 5})
    nightly, request = tick(workshop, datetime(2026, 11, 16, 5, tzinfo=UTC))
    assert nightly.cron_schedule == "0 5 * * *"
    assert request.run_config["ops"]["mine__prompts"] == {"config": {"rows": 5}}


def test_a_refresh_is_a_day_of_the_projects_time_zone_and_is_made_once(workshop: Any) -> None:
    workshop.configure(schedule={"cron": "0 */6 * * *", "timezone": "Asia/Tokyo"})
    workshop.recipe("mine")
    evening = datetime(2026, 11, 20, 21, tzinfo=UTC)
    _, request = tick(workshop, evening)
    assert request.partition_key == "2026-11-21"
    assert request.run_key == tick(workshop, evening + timedelta(hours=6))[1].run_key


def test_the_launchpad_opens_with_the_rows_of_the_recipe(workshop: Any) -> None:
    workshop.recipe("mine", rows=7)
    job = build_definitions(workshop.project(), ["mine"]).resolve_job_def("mine")
    assert job.partitioned_config is not None
    given = job.partitioned_config.get_run_config_for_partition_key("2026-11-21")
    assert given["ops"]["mine__prompts"] == {"config": {"rows": 7}}  # type: ignore[index]


def test_the_days_begin_where_the_user_says(workshop: Any) -> None:
    workshop.configure(schedule={"start": date(2026, 11, 10)})
    workshop.recipe("mine")
    project = workshop.project()
    job = build_definitions(project).resolve_job_def("mine")
    assert job.partitions_def is not None
    assert job.partitions_def.get_first_partition_key() == "2026-11-10"
    with pytest.raises(FactoryError, match=r"first possible one is 2026-11-10 \(schedule.start"):
        rounds("2026-11-09", 1, project.settings.schedule)


@pytest.mark.parametrize("stored", ["2026-10-03", None])
def test_otherwise_they_begin_with_the_oldest_refresh_or_yesterday(
    workshop: Any, stored: str | None
) -> None:
    workshop.configure(root=f"stored-{stored}")
    settings = workshop.project().settings
    yesterday = (Schedule().today - timedelta(days=1)).isoformat()
    if stored:
        empty = Prompts.create_empty()
        Tables(settings.root_path).write(("mine", "prompts"), stored, Split(empty, empty))
    assert shown_days(settings).get_first_partition_key() == (stored or yesterday)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"cron": "0 25 * * *"}, "field 'schedule.cron': '0 25 * * *' is no cron expression"),
        ({"cron": "0 0 3 * * *"}, "seconds are not possible"),
        ({"timezone": "Berlin"}, "field 'schedule.timezone': 'Berlin' is no time zone"),
        ({"crom": "0 3 * * *"}, "did you mean 'cron'"),
        ({"start": "soon"}, "field 'schedule.start'"),
    ],
)
def test_what_is_wrong_is_named(workshop: Any, given: dict[str, Any], told: str) -> None:
    workshop.configure(schedule=given)
    with pytest.raises(FactoryError) as error:
        workshop.project()
    assert told in str(error.value)


def test_a_schedule_of_no_recipe_is_refused(workshop: Any) -> None:
    workshop.configure(recipe_schedules={"online_dop": {"rows": 3}})
    with pytest.raises(FactoryError, match=r"'recipe_schedules'.*online_dpo"):
        workshop.project()
