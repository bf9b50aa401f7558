"""Prompts from a dataset: here from folders laid out like one; offline is said, not suffered."""

import json

import polars as pl
import pytest

from generators import HubDataset, SourceError
from schemas import SourceRowError
from schemas.git_lfs import POINTER


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset with two splits."""
    made = tmp_path_factory.mktemp("dataset")
    for split in ("train", "test"):
        rows = [{"question": f"{split} {n}", "answer": str(n), "extra": n} for n in range(5)]
        pl.DataFrame(rows).write_parquet(made / f"{split}-00000-of-00001.parquet")
    return made


def source(folder, **fields):
    return HubDataset(dataset=str(folder), **({"prompt": "question", "licence": "MIT"} | fields))


def asked(read):
    return [row["messages"][0]["content"] for row in read]


def test_a_split_is_read_in_order(folder):
    read = list(source(folder, reference="answer").prompts())
    assert asked(read) == [f"train {n}" for n in range(5)]
    assert [row["reference"] for row in read] == list("01234")
    assert asked(source(folder, split="test").prompts()) == [f"test {n}" for n in range(5)]


def test_numbers_of_32_bits_are_those_that_were_written(tmp_path):
    rows = pl.DataFrame({"question": ["a", "b"], "answer": [0.1, None]})
    rows.cast({"answer": pl.Float32}).write_parquet(tmp_path / "train.parquet")
    assert [row["reference"] for row in source(tmp_path, reference="answer").prompts()] == [
        "0.1",
        None,
    ]
    _, read = source(tmp_path).rows()
    assert [row["answer"] for row in read] == [0.1, None]


def test_a_refresh_goes_on_where_the_last_one_stopped(folder):
    everything = list(source(folder).prompts())
    for start in (1, 4, 5, 6):
        assert list(source(folder).prompts(start)) == everything[start:]


def test_a_stamp_is_the_commit_or_what_the_folder_looks_like(folder, tmp_path):
    commit = "0123456789" * 4
    assert HubDataset(dataset="no/where", revision=commit, licence="MIT").stamp() == commit
    (tmp_path / "train.jsonl").write_text(json.dumps({"question": "one"}) + "\n")
    before = source(tmp_path).stamp()
    assert source(tmp_path).stamp() == before
    (tmp_path / "train.jsonl").write_text(json.dumps({"question": "another"}) + "\n")
    assert source(tmp_path).stamp() != before


def test_every_prompt_records_what_it_was_read_from(folder, tmp_path):
    (tmp_path / "train.jsonl").write_text(json.dumps({"question": "other"}) + "\n")
    one, other = next(source(folder).prompts()), next(source(tmp_path).prompts())
    assert len(one["source_revision"]) == 32
    assert one["source_revision"] != other["source_revision"]
    assert one["source"] == folder.name


def test_rows_that_are_no_prompt_are_named(tmp_path):
    rows = [{"question": "good"}, {"question": None}, {"question": "also good"}]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    good, bad, also = source(tmp_path).prompts()
    assert asked([good, also]) == ["good", "also good"]
    assert isinstance(bad, SourceRowError)
    assert bad.row.endswith("split 'train', row 1")
    assert bad.reason == "column 'question' is null"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"split": "dev"}, "cannot open dataset .*split 'dev'.*Check"),
        ({"prompt": "problem"}, "no column 'problem'; it has 'question', 'answer', 'extra'"),
        ({"reference": "solution"}, "no column 'solution'.*right answers"),
    ],
)
def test_what_is_not_there_is_said(folder, fields, message):
    with pytest.raises(SourceError, match=message):
        source(folder, **fields).prompts()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "cannot ask the Hub which commit the default branch of dataset 'someone/tasks'"),
        ({"revision": "0" * 40}, "cannot open dataset 'someone/tasks'.*at 000000000000"),
    ],
)
def test_without_the_hub_the_error_says_what_to_do(monkeypatch, fields, message):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(SourceError, match=message):
        source("someone/tasks", **fields).prompts()


@pytest.mark.parametrize("name", ["train.parquet", "train.jsonl"])
@pytest.mark.parametrize(
    ("content", "words"), [(POINTER + b"spec/v1\n", "Git LFS pointer"), (b"", "is empty")]
)
def test_a_file_that_is_none_is_named(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=f"{name} is .*{words}|{name} {words}"):
        list(source(tmp_path).prompts())


def test_a_damaged_file_is_said_not_skipped(tmp_path):
    lines = [json.dumps({"question": "good"}), '{"question": "cut of']
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    with pytest.raises(SourceError, match="cannot be read after row"):
        list(source(tmp_path).prompts())
