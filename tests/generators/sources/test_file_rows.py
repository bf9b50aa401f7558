"""Files in every form that people have them: one odd row costs no other, and is told with its
line."""

import bz2
import datetime
import gzip
import json
import lzma
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from generators import SourceError
from generators.sources.file_rows import file_rows, format_of

ROWS = [{"prompt": f"p{number}", "answer": str(number)} for number in range(3)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def read(path):
    kind = format_of(UPath(path))
    assert kind is not None
    return list(file_rows(UPath(path), kind))


def kept(found):
    return [row for _, row in found if not isinstance(row, str)]


def refused(found):
    return {where.rpartition(", ")[2]: row for where, row in found if isinstance(row, str)}


def zstd(content):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


COMPRESSIONS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd,
}
DELIMITED = b"prompt,answer\np0,0\np1,1\np2,2\n"


@pytest.mark.parametrize("compressed", ["", *COMPRESSIONS])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", LINES),
        ("rows.ndjson", LINES),
        ("rows.json", json.dumps(ROWS, indent=2).encode()),
        ("list.json", json.dumps(ROWS).encode()),
        ("lines.json", LINES),
        ("rows.csv", DELIMITED),
        ("rows.tsv", DELIMITED.replace(b",", b"\t")),
        ("crlf.csv", DELIMITED.replace(b"\n", b"\r\n")),
        ("bom.csv", b"\xef\xbb\xbf" + DELIMITED),
        ("bom.jsonl", b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n")),
        ("bom.json", b"\xef\xbb\xbf" + json.dumps(ROWS).encode()),
        ("rows.parquet", None),
    ],
)
def test_every_form_gives_the_same_rows(tmp_path, name, content, compressed):
    path = tmp_path / (f"{name}.{compressed}" if compressed else name)
    if content is None:
        pl.DataFrame(ROWS).write_parquet(path)
        content = path.read_bytes()
    path.write_bytes(COMPRESSIONS.get(compressed, bytes)(content))
    assert kept(read(path)) == ROWS
    assert not refused(read(path))


def test_an_unclosed_quote_costs_its_own_line(tmp_path):
    path = tmp_path / "rows.csv"
    body = "".join(f"row{number},{number}\n" for number in range(1000))
    path.write_text(f'prompt,answer\nfine,1\n"broken,2\n{body}')
    found = read(path)
    assert len(kept(found)) == 1001
    assert refused(found) == {
        "line 3": 'malformed CSV: a quote (") is opened and never closed',
    }


def test_an_unclosed_quote_before_quoted_rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('prompt,answer\n"broken,2\n"a, b",3\nc,"d\ne"\nonly one\n\nlast,4\n')
    found = read(path)
    assert [row["prompt"] for row in kept(found)] == ["a, b", "c", "last"]
    assert list(refused(found)) == ["line 2", "line 6"]


def test_quotes_that_never_add_up_take_no_time(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("prompt,answer\n" + 'q","\n' * 20_000)
    assert len(read(path)) == 20_000


ODD = {
    "line 2": (b'{"prompt": "cut of', "malformed"),
    "line 3": (b'{"prompt": ' + b"9" * 5000 + b"}", "digits"),
    "line 4": (b'{"prompt": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested"),
    "line 5": (b'{"prompt": ' + b"[" * 300 + b"]" * 300 + b"}", "nested"),
    "line 6": (b'["a list"]', "not a JSON object"),
    "line 7": (b'{"prompt": "a\x00b"}', "malformed"),
    "line 8": (b'{"prompt": "a", "b": nul}', "malformed"),
}


def test_odd_lines_of_json(tmp_path):
    path = tmp_path / "rows.jsonl"
    latin = '{"prompt": "café"}'.encode("latin-1")
    first, last = b'{"prompt": "first"}', b'{"prompt": "last"}'
    path.write_bytes(b"\n".join([first, *(odd for odd, _ in ODD.values()), latin, last]))
    found = read(path)
    assert [row["prompt"] for row in kept(found)] == ["first", "last"]
    told = refused(found)
    assert list(told) == [*ODD, "line 9"]
    assert all(words in told[where] for where, (_, words) in ODD.items())
    assert "UTF-8" in told["line 9"]


def test_odd_rows_of_a_list(tmp_path):
    path = tmp_path / "rows.json"
    first, last = b'{"prompt": "first"}', b'{"prompt": "last"}'
    # A control character inside a text or a broken line: each is of one row.
    path.write_bytes(b"[" + b",\n".join([first, *(odd for odd, _ in ODD.values()), last]) + b"\n]")
    found = read(path)
    prompts = [row["prompt"] for row in kept(found)]
    assert prompts[-1] == "last"
    told = refused(found)
    assert {f"line {number}" for number in (2, 3, 4, 5, 7, 8)} <= set(told)


@pytest.mark.parametrize("before", ['{"data": ', '{"of": {"rows": [3]}, "data": ', '{"rows": '])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_under_a_key_is_its_rows(tmp_path, before, indent):
    file = tmp_path / "rows.json"
    file.write_text(before + json.dumps(ROWS, indent=indent) + "}")
    assert kept(read(file)) == ROWS


def test_odd_rows_of_a_list_under_a_key(tmp_path):
    file = tmp_path / "rows.json"
    file.write_text('{"data": [\n{"prompt": "a"},\n{"prompt" "b"},\n5,\n{"prompt": "c"}\n]}')
    found = read(file)
    assert kept(found) == [{"prompt": "a"}, {"prompt": "c"}]
    assert list(refused(found)) == ["line 3"]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "?"}]},
        {"instruction": "?", "completions": [{"response": "!"}]},
        {"data": "?", "prompt": "?"},
        {"data": []},
        {"prompt": "?", "answer": [{"text": "!"}]},
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_row_that_holds_a_list_is_a_row(tmp_path, row, times):
    file = tmp_path / "rows.json"
    file.write_text((json.dumps(row) + "\n") * times)
    assert kept(read(file)) == [row] * times


@pytest.mark.parametrize("between", [";", "\t"])
def test_a_csv_of_semicolons_or_tabs(tmp_path, between):
    file = tmp_path / "rows.csv"
    file.write_text(f'"prompt"{between}"answer"\n"a; b, c"{between}1,5\n')
    assert kept(read(file)) == [{"prompt": "a; b, c", "answer": "1,5"}]


def test_a_list_that_is_cut_off_says_so(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('[{"prompt": "first"}, {"prompt": "sec')
    found = read(path)
    assert [row["prompt"] for row in kept(found)] == ["first"]
    assert "nothing after it can be read" in refused(found)["line 1"]


@pytest.mark.parametrize("compressed", COMPRESSIONS)
def test_a_compressed_file_that_is_cut_off_is_an_error(tmp_path, compressed):
    path = tmp_path / f"rows.jsonl.{compressed}"
    path.write_bytes(COMPRESSIONS[compressed](LINES * 1000)[:-20])
    with pytest.raises(SourceError, match="damaged or cut off"):
        read(path)
    path.write_bytes(b"not compressed at all")
    with pytest.raises(SourceError, match="damaged or cut off"):
        read(path)


def test_another_unicode_is_said(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("prompt,answer\na,b\n", encoding="utf-16")
    with pytest.raises(SourceError, match="UTF-16"):
        read(path)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet"])
def test_a_pointer_of_git_lfs_says_so(tmp_path, kind):
    path = tmp_path / f"rows.{kind}"
    path.write_bytes(POINTER)
    with pytest.raises(SourceError, match=r"is a Git LFS pointer.*git lfs pull"):
        read(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        *((compress(LINES), f"name it .{name}") for name, compress in COMPRESSIONS.items()),
        (b"PK\x03\x04" + b"\0" * 60, "ZIP archive or an Excel file"),
        (b"PAR1" + b"\0" * 60, "is Parquet"),
        (b"\xff\xff\xff\xff" + b"\0" * 60, "is Arrow"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "is a web page"),
        (LINES.decode().encode("utf-16-le"), "UTF-16 without a mark"),
    ],
    # Not by the contents: gzip writes the time.
    ids=[*COMPRESSIONS, "zip", "parquet", "arrow", "page", "utf-16"],
)
@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
def test_a_file_of_another_kind_says_what_it_is(tmp_path, content, words, kind):
    path = tmp_path / f"rows.{kind}"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=words):
        read(path)


@pytest.mark.parametrize("indent", [None, 1])
def test_json_lines_that_are_one_list(tmp_path, indent):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROWS, indent=indent))
    assert kept(read(path)) == ROWS


def test_a_row_over_several_lines_is_told_what_json_lines_are(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{\n "prompt": "a"\n}\n{"prompt": "b"}\n')
    assert "stands on one line" in refused(read(path))["line 1"]


def test_what_stands_after_a_list_is_not_lost_in_silence(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS) + "\n" + json.dumps(ROWS))
    found = read(path)
    assert kept(found) == ROWS
    assert "after the end of the list" in refused(found)["line 2"]


def test_numbers_of_32_bits_are_those_that_were_written(tmp_path):
    path = tmp_path / "rows.parquet"
    columns = {
        "single": pa.array([0.1, None], pa.float32()),
        "half": pa.array([0.1, 2.0], pa.float16()),
        "double": pa.array([0.1, 1 / 3]),
        "inside": pa.array([{"all": [0.7]}, None], pa.struct([("all", pa.list_(pa.float32()))])),
    }
    pq.write_table(pa.table(columns), path)
    assert kept(read(path)) == [
        {"single": 0.1, "half": 0.1, "double": 0.1, "inside": {"all": [0.7]}},
        {"single": None, "half": 2.0, "double": 1 / 3, "inside": None},
    ]


def test_odd_types_of_parquet(tmp_path):
    path = tmp_path / "rows.parquet"
    columns = {
        "prompt": pa.array(["a", "b"], pa.large_string()),
        "kind": pa.array(["x", "y"]).dictionary_encode(),
        "number": pa.array([Decimal("1.10"), None], pa.decimal128(5, 2)),
        "bytes": pa.array([b"\xff", None], pa.binary()),
        "nothing": pa.nulls(2),
        "when": pa.array([datetime.date(2026, 1, 2), None]),
        "far": pa.array([1 << 62, 0], pa.timestamp("ms")),
        "answer": pa.array([{"value": "1"}, {"value": "2"}]),
        "text": pa.Array.from_buffers(
            pa.string(),
            2,
            [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0\3\0\0\0"), pa.py_buffer(b"\xff\xfea")],
        ),
    }
    pq.write_table(pa.table(columns), path)
    found = read(path)
    assert "cannot be read" in refused(found)["row 0"]
    assert [row["prompt"] for row in kept(found)] == ["b"]


@given(
    drawn=st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.text(alphabet='ab,"\n\r\t[]{}:1', max_size=12).map(str.encode),
        ),
        max_size=6,
    ),
    kind=st.sampled_from(["jsonl", "json", "csv", "tsv", "parquet"]),
)
def test_whatever_a_file_holds_is_rows_refusals_or_a_source_error(drawn, kind, tmp_path_factory):
    path = tmp_path_factory.mktemp("drawn") / f"rows.{kind}"
    path.write_bytes(b"\n".join(drawn))
    try:
        found = read(path)
    except SourceError:
        return
    assert all(isinstance(where, str) and row is not None for where, row in found)
