"""A root on an object store: tables, reports, exports and imports on a server that speaks S3."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from assets.cli import app
from assets.config.errors import FactoryError, causes
from assets.config.settings import load_settings
from assets.maintenance.usage import disk_use
from assets.storage.tables import Tables
from tests.checkout import ROLES

pytestmark = pytest.mark.s3

DAYS = ("2026-11-01", "2026-11-02")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """A client of the store, which has a bucket ``mine``."""
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    client = boto3.client("s3")
    client.create_bucket(Bucket="mine")
    return client


@pytest.fixture
def stored(workshop: Any, store: Any, tiny_model: Path) -> Any:
    """A factory whose root is in the bucket, its journal and models on this machine."""
    model = {"model": str(tiny_model), "dtype": "float32"}
    workshop.configure(
        root=f"s3://mine/{workshop.folder.name}",
        journal=str(workshop.folder / "journal.sqlite"),
        models=str(workshop.folder / "models"),
        roles=dict.fromkeys(ROLES, model),
    )
    workshop.recipe("kept_far_away", rows=3)
    return workshop


def factory(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def keys(store: Any, prefix: str) -> list[str]:
    found = store.list_objects_v2(Bucket="mine", Prefix=prefix)
    return sorted(one["Key"].removeprefix(prefix) for one in found.get("Contents", []))


def test_refreshes_follow_each_other_and_are_shown_and_exported(stored: Any, store: Any) -> None:
    first, second = (stored.run("kept_far_away", day) for day in DAYS)
    assert second.checkpoint["start"] == first.checkpoint["path"]
    place = stored.folder.name
    tables = Tables(load_settings().root_path)
    drawn = [set(tables.read(("kept_far_away", "prompts"), day)["prompt_id"]) for day in DAYS]
    assert not drawn[0] & drawn[1]

    shown = factory("report", "kept_far_away")
    assert shown.exit_code == 0, shown.output
    page = f"{place}/reports/kept_far_away-pairs.html"
    assert store.get_object(Bucket="mine", Key=page)["ContentType"]

    uses = {use.what: use.files for use in disk_use(load_settings())}
    assert uses["tables"] == len(keys(store, f"{place}/tables/"))

    out = f"{place}-export/"
    exported = factory("export", "kept_far_away", f"s3://mine/{out}")
    assert exported.exit_code == 0, exported.output
    put = keys(store, out)
    assert "README.md" in put
    data = [name for name in put if name.startswith("data/")]
    assert [day in name for day, name in zip(DAYS, data, strict=True)] == [True, True]
    rows = pl.concat(
        pl.read_parquet(io.BytesIO(store.get_object(Bucket="mine", Key=out + name)["Body"].read()))
        for name in data
    )
    assert rows.height == sum(one.stages["pairs"]["kept"] for one in (first, second))

    # The same again leaves the same; what is of no export goes, what is no export is not touched.
    store.put_object(
        Bucket="mine", Key=f"{out}data/train-2026-10-01-00000-of-00001.parquet", Body=b""
    )
    assert factory("export", "kept_far_away", f"s3://mine/{out}").exit_code == 0
    assert keys(store, out) == put
    store.put_object(Bucket="mine", Key="theirs/thesis.tex", Body=b"")
    refused = factory("export", "kept_far_away", "s3://mine/theirs")
    assert refused.exit_code == 1
    assert "is not an earlier export" in refused.output
    assert keys(store, "theirs/") == ["thesis.tex"]


def test_what_another_process_writes_is_seen(stored: Any, store: Any) -> None:
    tables = Tables(load_settings().root_path)
    key = ("kept_far_away", "responses")
    assert tables.refreshes(key) == []
    for day in DAYS:
        place = f"{stored.folder.name}/tables/kept_far_away/responses/{day}.parquet"
        store.put_object(Bucket="mine", Key=place, Body=b"written elsewhere")
    assert tables.refreshes(key) == list(DAYS)


def test_a_dataset_is_imported_into_the_store(stored: Any, store: Any, tmp_path: Path) -> None:
    row = {
        "instruction": "Say hello",
        "source": "test",
        "completions": [
            {"model": f"m{score}", "response": f"Hello {score}", "overall_score": score}
            for score in (1.0, 2.0)
        ],
    }
    file = tmp_path / "ultra.jsonl"
    file.write_text(json.dumps(row) + "\n")
    imported = factory("import", "ultrafeedback", str(file), "--licence", "MIT")
    assert imported.exit_code == 0, imported.output
    assert "ultrafeedback/prompts.parquet" in keys(store, f"{stored.folder.name}/imported/")


def test_a_bucket_that_is_not_there_is_named_before_anything_is_paid_for(
    stored: Any, store: Any
) -> None:
    stored.configure(root="s3://mistyped/factory")
    with pytest.raises(Exception) as refused:  # noqa: PT011
        stored.run("kept_far_away", DAYS[0])
    told = next(cause for cause in causes(refused.value) if isinstance(cause, FactoryError))
    assert "there is no bucket 'mistyped'" in str(told)
    assert [bucket["Name"] for bucket in store.list_buckets()["Buckets"]] == ["mine"]
    assert not (stored.folder / "journal.sqlite").exists()
