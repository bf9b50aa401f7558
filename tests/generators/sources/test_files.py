"""Prompts from somebody's files: in order, and whatever is wrong is said, row by row."""

import datetime
import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators import Files, SourceError
from schemas import Prompts, SourceRowError, accept, prompt_id, rows

TASKS = [{"question": f"What is {n} + 1?", "answer": n + 1} for n in range(5)]


def jsonl(records):
    return "".join(json.dumps(record) + "\n" for record in records)


def write(folder, name, records):
    path = folder / name
    if path.suffix == ".jsonl":
        path.write_text(jsonl(records))
    elif path.suffix == ".csv":
        pl.DataFrame(records).write_csv(path)
    else:
        pl.DataFrame(records).write_parquet(path)
    return path


def source(path, **fields):
    return Files(path=str(path), **({"prompt": "question", "licence": "MIT"} | fields))


def errors(read):
    return [(row.row, row.reason) for row in read if isinstance(row, SourceRowError)]


def asked(read):
    return [row["messages"][-1]["content"] for row in read if not isinstance(row, SourceRowError)]


@pytest.mark.parametrize("name", ["tasks.jsonl", "tasks.csv", "tasks.parquet"])
def test_every_format_gives_the_same_prompts(tmp_path, name):
    read = list(source(write(tmp_path, name, TASKS), reference="answer").prompts())
    assert [row["messages"] for row in read] == [
        [{"role": "user", "content": task["question"]}] for task in TASKS
    ]
    assert [row["reference"] for row in read] == ["1", "2", "3", "4", "5"]
    assert {(row["source"], row["licence"]) for row in read} == {("tasks", "MIT")}
    made = rows(Prompts, [{"prompt_id": prompt_id(row["messages"])} | row for row in read])
    assert accept(Prompts, made, stage="prompts", unit="prompt_id").kept.height == 5


def test_a_stamp_changes_with_the_files_and_not_else(tmp_path):
    file = write(tmp_path, "tasks.jsonl", TASKS)
    one, folder = source(file), source(tmp_path)
    stamps = [one.stamp(), folder.stamp()]
    list(one.prompts())
    assert [one.stamp(), folder.stamp()] == stamps
    file.write_text(file.read_text() + jsonl(TASKS))
    assert one.stamp() != stamps[0]
    now = folder.stamp()
    write(tmp_path, "more.csv", TASKS)
    assert len({stamps[1], now, folder.stamp()}) == 3
    with pytest.raises(SourceError, match="there is no file"):
        source(tmp_path / "gone.jsonl").stamp()


@pytest.mark.parametrize("name", ["tasks.jsonl", "tasks.csv", "tasks.parquet"])
def test_a_refresh_goes_on_where_the_last_one_stopped(tmp_path, name):
    made = source(write(tmp_path, name, TASKS))
    everything = list(made.prompts())
    for start in range(7):
        assert list(made.prompts(start)) == everything[start:]


def test_files_of_a_folder_are_read_by_name(tmp_path):
    write(tmp_path, "b.jsonl", TASKS[2:])
    write(tmp_path, "a.parquet", TASKS[:2])
    (tmp_path / "README.md").write_text("not data")
    assert asked(source(tmp_path).prompts()) == [task["question"] for task in TASKS]
    assert asked(source(tmp_path).prompts(1)) == [task["question"] for task in TASKS[1:]]


def test_the_revision_is_what_the_file_holds(tmp_path):
    def revision(path):
        return next(iter(source(path).prompts()))["source_revision"]

    first = write(tmp_path, "first.jsonl", TASKS)
    same = write(tmp_path, "same.jsonl", TASKS)
    other = write(tmp_path, "other.jsonl", TASKS[:4])
    assert revision(first) == revision(same) != revision(other)


@pytest.mark.parametrize(
    ("written", "reference"),
    [
        ("72", "72"),
        ("72.0", "72.0"),
        ("-0.0", "-0.0"),
        ("5e-05", "5e-05"),
        ("1E+22", "1E+22"),
        ("12345678901234567890", "12345678901234567890"),
        ("0.12345678901234567890123", "0.12345678901234567890123"),
        ('"5e-05"', "5e-05"),
        ("null", None),
        ('""', None),
    ],
)
@pytest.mark.parametrize("name", ["tasks.jsonl", "tasks.json"])
def test_a_number_of_json_is_the_reference_that_is_written(tmp_path, name, written, reference):
    path = tmp_path / name
    path.write_text(f'{{"question": "?", "answer": {written}}}\n')
    (row,) = source(path, reference="answer").prompts()
    assert row["reference"] == reference


@pytest.mark.parametrize("written", ["NaN", "-Infinity", "1e999", "true", "[5]", '{"a": 1}'])
def test_what_is_no_answer_is_refused_by_row_and_field(tmp_path, written):
    path = tmp_path / "tasks.jsonl"
    good = '{"question": "!", "answer": 1}\n'
    path.write_text(f'{good}{{"question": "?", "answer": {written}}}\n{good}')
    ((where, reason),) = errors(source(path, reference="answer").prompts())
    assert where == "tasks.jsonl, line 2"
    assert "column 'answer'" in reason


def test_a_chat_and_a_system_message(tmp_path):
    chat = [
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "Three?"},
    ]
    own = [{"role": "system", "content": "Mine."}, *chat]
    path = tmp_path / "chats.jsonl"
    path.write_text(jsonl([{"chat": chat}, {"chat": own}, {"chat": json.dumps(chat)}]))
    read = list(source(path, prompt=None, messages="chat", system="Be brief.").prompts())
    system = {"role": "system", "content": "Be brief."}
    assert [row["messages"] for row in read] == [[system, *chat], own, [system, *chat]]


def test_chats_of_other_forms_and_without_the_answer_at_their_end(tmp_path):
    asked = [{"role": "user", "content": "Two?"}]
    answer = {"role": "assistant", "content": "2"}
    parts = [{"type": "text", "text": "Tw"}, {"type": "text", "text": "o?", "image": None}]
    forms = [
        [*asked, answer],
        [{"from": "human", "value": "Two?"}, {"from": "gpt", "value": "2"}],
        [{"role": "user", "content": parts}],
        [{"role": "system", "content": ""}, *asked],
    ]
    path = tmp_path / "chats.jsonl"
    path.write_text(jsonl([{"chat": form} for form in forms]))
    for fields in ({"prompt": None, "messages": "chat"}, {"prompt": "chat"}):
        read = list(source(path, **fields).prompts())
        assert [row["messages"] for row in read] == [asked] * 4


@pytest.mark.parametrize("name", ["tasks.jsonl", "tasks.parquet", "tasks.json"])
def test_references_that_lie_in_a_column(tmp_path, name):
    rows = [
        {"task": {"question": "1 + 1?"}, "answer": {"value": "2", "all": ["2", "two"]}, "a.b": "x"}
    ]
    path = tmp_path / name
    if name.endswith("parquet"):
        pl.DataFrame(rows).write_parquet(path)
    else:
        path.write_text(json.dumps(rows) if name.endswith(".json") else jsonl(rows))
    for column, value in {"answer.value": "2", "answer.all.1": "two", "a.b": "x"}.items():
        (row,) = source(path, prompt="task.question", reference=column).prompts()
        assert (row["messages"][0]["content"], row["reference"]) == ("1 + 1?", value)
    with pytest.raises(SourceError, match=r"no column 'right\.value'"):
        source(path, prompt="task.question", reference="right.value").prompts()


def test_a_folder_with_data_beside_json_about_it(tmp_path):
    write(tmp_path, "tasks.jsonl", TASKS)
    (tmp_path / "info.json").write_text('{"rows": 5}')
    assert len(asked(source(tmp_path).prompts())) == 5


def test_bad_lines_are_named_and_the_others_kept(tmp_path):
    path = tmp_path / "tasks.jsonl"
    lines = [
        b'{"question": "good"}',
        b'{"question": "cut of',
        b"",
        b"[1, 2]",
        b'{"question": null}',
        b'{"question": 5}',
        b'{"question": "  "}',
        b'{"question": "\\u200b\\ufeff "}',
        b'{"other": "column"}',
        b'{"question": "\\ud83d"}',
        b'{"question": "\xff"}',
        b'{"question": "last, no newline"}',
    ]
    path.write_bytes(b"\n".join(lines))
    read = list(source(path).prompts())
    assert asked(read) == ["good", "last, no newline"]
    named = errors(read)
    assert [where for where, _ in named] == [
        f"tasks.jsonl, line {n}" for n in (2, 4, 5, 6, 7, 8, 9, 10, 11)
    ]
    for (_, reason), words in zip(
        named,
        [
            "malformed JSON",
            "not a JSON object",
            "column 'question' is null",
            "must be text, not int",
            "is empty",
            "is empty",
            "no column 'question'; the row has 'other'",
            "not valid text",
            "not UTF-8",
        ],
        strict=True,
    ):
        assert words in reason


@pytest.mark.parametrize(
    ("chat", "words"),
    [
        (None, "not null"),
        ([], "an empty list"),
        ("hello", "not the JSON of a chat"),
        ([{"role": "user"}], "must have 'role' and 'content'"),
        (["hello"], "must have 'role' and 'content'"),
        ([{"role": "narrator", "content": "hi"}], "role 'narrator', not one of"),
        ([{"role": "tool", "content": "hi"}], "message 0 of column 'chat' is a tool's"),
        ([{"role": "user", "content": None}], "content of message 0"),
        ([{"role": "user", "content": 5}], "must be text, not int"),
        ([{"role": "user", "content": [{"type": "image", "image": "x"}]}], "not text: 'image'"),
        ([{"role": "user", "content": "a\0b"}], "holds a NUL"),
        ([{"role": "assistant", "content": "hi"}], "end with a message of the user"),
    ],
)
def test_a_chat_of_another_shape_is_an_error_of_its_row(tmp_path, chat, words):
    path = tmp_path / "chats.jsonl"
    path.write_text(jsonl([{"chat": chat}, {"chat": [{"role": "user", "content": "fine"}]}]))
    bad, good = Files(path=str(path), messages="chat", licence="MIT").prompts()
    assert isinstance(bad, SourceRowError)
    assert bad.row == "chats.jsonl, line 1"
    assert words in bad.reason
    assert good["messages"][0]["content"] == "fine"


def test_bad_rows_of_csv(tmp_path):
    path = tmp_path / "tasks.csv"
    path.write_text('question,answer\n"one\nand a half",1\nonly one cell\n"br"oken",2\nlast,3\n')
    read = list(source(path, reference="answer").prompts())
    assert asked(read) == ["one\nand a half", "last"]
    assert [where for where, _ in errors(read)] == ["tasks.csv, line 4", "tasks.csv, line 5"]


def test_a_cell_may_be_long(tmp_path):
    path = write(tmp_path, "tasks.csv", [{"question": "why? " * 50_000}])
    assert len(asked(source(path).prompts())[0]) == 250_000


@pytest.mark.parametrize(
    ("name", "content", "fields", "message"),
    [
        ("tasks.jsonl", None, {}, "there is no file .*tasks.jsonl"),
        ("tasks.jsonl", b"", {}, "tasks.jsonl is empty"),
        ("tasks.jsonl", b"\n\n", {}, "tasks.jsonl is empty"),
        ("tasks.csv", b"question,answer\n", {}, "tasks.csv is empty"),
        ("tasks.txt", b"hello", {}, "set `format:`"),
        ("tasks.parquet", b"hello", {}, "not Parquet, or is damaged"),
        ("tasks.jsonl", b"question\nhello\n", {}, "does not look like jsonl.*line 1: malformed"),
        (
            "tasks.jsonl",
            b'{"problem": "x", "solution": "y"}\n',
            {},
            "no column 'question'; it has 'problem', 'solution'.*`prompt: problem`",
        ),
        (
            "tasks.csv",
            b"question,solution\nx,y\n",
            {"reference": "answer"},
            "no column 'answer'.*right answers.*`reference: solution`",
        ),
        ("tasks.csv", b"Id,Question\n1,x\n", {}, "`prompt: Question`"),
        (
            "tasks.csv",
            b"question, answer\nx, 1\n",
            {"reference": "answer"},
            "`reference: ' answer'`",
        ),
        ("tasks.csv", b"question,question\nx,y\n", {}, "two columns have the same name"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, name, content, fields, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        source(path, **fields).prompts()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (["turn 1", "turn 2"], "is a list of 2 texts, not one"),
        ({"0": "a", "1": "b"}, "not text: 'a mapping of 0, 1'"),
    ],
)
def test_several_texts_are_no_prompt(tmp_path, value, words):
    path = tmp_path / "tasks.jsonl"
    path.write_text(jsonl([{"question": value}, {"question": ["one"]}]))
    bad, good = source(path).prompts()
    assert words in bad.reason
    assert good["messages"][0]["content"] == "one"


def test_a_date_is_an_answer(tmp_path):
    path = tmp_path / "tasks.parquet"
    pl.DataFrame({"question": ["?"], "answer": [datetime.date(2024, 1, 2)]}).write_parquet(path)
    (row,) = source(path, reference="answer").prompts()
    assert row["reference"] == "2024-01-02"


def test_hidden_files_are_no_data_and_folders_are_named(tmp_path):
    write(tmp_path, "tasks.jsonl", TASKS)
    (tmp_path / "._tasks.jsonl").write_bytes(b"\0\5\x16\7")
    assert len(asked(source(tmp_path).prompts())) == 5
    (tmp_path / "outer" / "train").mkdir(parents=True)
    with pytest.raises(SourceError, match=r"the folders in it \(train\) are not read"):
        source(tmp_path / "outer").prompts()


def test_an_empty_parquet_file_and_an_empty_folder(tmp_path):
    path = tmp_path / "tasks.parquet"
    pl.DataFrame({"question": []}, schema={"question": pl.String}).write_parquet(path)
    with pytest.raises(SourceError, match="is empty"):
        source(path).prompts()
    (tmp_path / "folder").mkdir()
    with pytest.raises(SourceError, match="holds no file that ends in"):
        source(tmp_path / "folder").prompts()


def test_two_columns_of_tasks_are_one_too_many():
    with pytest.raises(ValueError, match="give one of them"):
        Files(path="x.jsonl", prompt="a", messages="b", licence="MIT")


lines = st.one_of(
    st.builds(lambda text: json.dumps({"question": text}).encode(), st.text()),
    st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"")),
)


@given(drawn=st.lists(lines, max_size=8))
def test_every_line_is_a_prompt_or_an_error(drawn, tmp_path_factory):
    path = tmp_path_factory.mktemp("lines") / "tasks.jsonl"
    path.write_bytes(b"\n".join([b'{"question": "first"}', *drawn]))
    read = list(source(path).prompts())
    assert len(read) == 1 + sum(bool(line.strip()) for line in drawn)
