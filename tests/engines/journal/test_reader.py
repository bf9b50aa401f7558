"""The journal can be read while a run writes to it."""

from pathlib import Path

import pytest

from engines.journal.errors import JournalError
from engines.journal.reader import JournalReader
from engines.journal.store import Journal
from tests.engines.journal.test_store import keep


def test_answers_are_found_while_another_process_may_write(tmp_path: Path) -> None:
    writer = Journal(tmp_path / "journal.sqlite")
    keep(writer, writer.model("engine", "revision", "name"), known=b"answer")
    reader = JournalReader(tmp_path / "journal.sqlite")
    assert reader.find([b"known", b"unknown"], 0, "generate") == {b"known": b"answer"}
    reader.close()
    writer.close()


def test_a_journal_that_does_not_exist_has_no_answers_and_is_not_created(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path / "journal.sqlite")
    assert reader.find([b"known"], 0, "generate") == {}
    with pytest.raises(JournalError, match="only read"):
        reader.keep(0, "generate", [(b"known", b"answer")])
    assert not (tmp_path / "journal.sqlite").exists()


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_text("no journal")
    with pytest.raises(JournalError, match="cannot be read"):
        JournalReader(tmp_path / "journal.sqlite").find([b"known"], 0, "generate")
