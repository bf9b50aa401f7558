"""A source that has new prompts starts a refresh, once, and for today."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time

from assets.definitions import build_definitions
from assets.execution.instance import home
from assets.refresh import run_refresh

STAGES = {"kept": {"use": "generators.Sample", "n": 1, "max_tokens": 4}}
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


class Desk:
    """A recipe that draws from one file, and whoever looks at its sensor."""

    name = "watched"

    def __init__(self, workshop: Any) -> None:
        name = self.name
        self.workshop = workshop
        self.file: Path = workshop.folder / f"{name}.jsonl"
        self.add("one", "two")
        read = {"use": "generators.Files", "path": str(self.file), "prompt": "q", "licence": "MIT"}
        workshop.source(f"of_{name}", read=read)
        workshop.recipe(name, STAGES, sources={f"of_{name}": 1.0}, rows=3)
        self.project = workshop.project()
        self.definitions = build_definitions(self.project, [self.name])
        self.cursor: str | None = None

    def add(self, *texts: str) -> None:
        """Write prompts to the file, as somebody who works on it later than before."""
        with self.file.open("a") as file:
            file.writelines(json.dumps({"q": f"{self.name}: {text}"}) + "\n" for text in texts)
        stat = self.file.stat()
        os.utime(self.file, (stat.st_atime, stat.st_mtime + 10))

    def look(self, at: datetime = NOON) -> dg.RunRequest | str:
        """What the sensor wants at a time: a refresh, or why none."""
        repository = self.definitions.get_repository_def()
        sensor = repository.get_sensor_def(f"{self.name}_new_prompts")
        with (
            dg.DagsterInstance.get() as instance,
            freeze_time(at),
            dg.build_sensor_context(
                instance=instance,
                cursor=self.cursor,
                repository_def=repository,
                resources=repository.get_top_level_resources(),
            ) as context,
        ):
            told = sensor.evaluate_tick(context)
        if not told.run_requests:
            return told.skip_message or ""
        self.cursor = told.cursor
        (request,) = told.run_requests
        return request

    def run(self, day: str) -> int:
        """Run the refresh of a day; how many prompts it worked on."""
        made = run_refresh(self.project, self.definitions, self.name, refresh=day, rows=None)
        return int(made.stages["prompts"]["kept"])


@pytest.fixture
def desk(ran: Any) -> Desk:
    home()
    return Desk(ran[0])


@contextmanager
def under_way(job: str, day: str) -> Iterator[None]:
    """Somebody else's run of the job for the day."""
    with dg.DagsterInstance.get() as instance:

        @dg.job(name=job)
        def named() -> None: ...

        run = instance.create_run_for_job(
            named, tags={"dagster/partition": day}, status=dg.DagsterRunStatus.STARTED
        )
        try:
            yield
        finally:
            instance.delete_run(run.run_id)


def test_each_change_of_a_file_starts_one_refresh(desk: Desk) -> None:
    first = desk.look()
    assert isinstance(first, dg.RunRequest)
    assert (first.partition_key, first.job_name) == ("2026-11-03", None)
    assert "already requested" in desk.look()  # type: ignore[operator]
    desk.cursor = None
    again = desk.look()
    assert isinstance(again, dg.RunRequest)
    # Dagster starts no second run for a key, even if its cursor is lost.
    assert again.run_key == first.run_key

    with under_way("watched", "2026-11-03"):
        desk.cursor = None
        assert "is under way" in desk.look()  # type: ignore[operator]
    assert desk.run("2026-11-03") == 2
    assert desk.look() == "no change of of_watched since the last refresh"

    desk.add("three")
    waits = desk.look()
    assert waits == (
        "of_watched changed, but today's refresh, 2026-11-03, has its prompts: tomorrow's takes "
        "the new ones"
    )
    begins = desk.look(datetime(2026, 11, 4, 0, 2, tzinfo=UTC))
    assert "watched_nightly runs first" in begins  # type: ignore[operator]
    tomorrow = desk.look(datetime(2026, 11, 4, 0, 6, tzinfo=UTC))
    assert isinstance(tomorrow, dg.RunRequest)
    assert tomorrow.partition_key == "2026-11-04"
    assert tomorrow.run_key != first.run_key
    assert desk.run("2026-11-04") == 1

    # The night before found nothing, so its place is free for what comes by day.
    assert desk.run("2026-11-05") == 0
    desk.add("four")
    by_day = desk.look(datetime(2026, 11, 5, 9, tzinfo=UTC))
    assert isinstance(by_day, dg.RunRequest)
    assert desk.run("2026-11-05") == 1


def test_what_another_recipe_read_is_news_all_the_same(desk: Desk) -> None:
    desk.run("2026-11-06")
    desk.workshop.recipe("beside", STAGES, sources={"of_watched": 1.0}, rows=3)
    desk.add("five")
    desk.workshop.run("beside", "2026-11-06")
    assert isinstance(desk.look(datetime(2026, 11, 7, 9, tzinfo=UTC)), dg.RunRequest)


def test_a_recipe_whose_sources_cannot_tell_has_the_schedule_only(ran: Any) -> None:
    workshop, _ = ran
    repository = build_definitions(workshop.project(), ["first"]).get_repository_def()
    assert repository.has_schedule_def("first_nightly")
    assert not repository.has_sensor_def("first_new_prompts")
