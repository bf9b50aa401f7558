"""The rows of CSV and TSV files. A malformed line does not affect other rows."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import IO

from upath import UPath

from generators.sources.columns import SourceError

_READ_TWICE = 100_000
"""Lines. After a quote that is never closed, the lines below it are read again. After so many
repeated lines, a quoted cell must end on its line. So the time stays linear in the file's length.
"""


def delimited_rows(
    file: UPath, stream: IO[bytes], delimiter: str
) -> Iterator[tuple[str, dict[str, str] | str]]:
    """Read the rows of a CSV or TSV file.

    If the quotes of a row are unbalanced, only its first line is skipped: the lines after it are
    read again.

    Returns:
        For each row its place (the line where it begins), and its cells by column or an error
            message.

    Raises:
        SourceError: two columns have the same name.
    """
    # The default limit of 131,072 characters a cell would refuse long prompts.
    csv.field_size_limit(2**31 - 1)
    lines = _Lines(
        io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    )
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    header: list[str] | None = None
    while True:
        lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"{file.name}, line {lines.first}", f"malformed CSV: {_words(error)}"
            lines.give_back()
            continue
        if not cells:
            continue
        if header is None:
            header = cells
            if len(set(header)) < len(header):
                raise SourceError(f"{file}: two columns have the same name: {header}")
        elif len(cells) != len(header):
            reason = f"{len(cells)} cells, but the header has {len(header)}"
            yield f"{file.name}, line {lines.first}", reason
        else:
            yield f"{file.name}, line {lines.first}", dict(zip(header, cells, strict=True))


class _Lines:
    """Lines of a text. The lines of a row after its first can be given back."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text = text
        self._ahead: deque[str] = deque()
        self._row: list[str] = []
        self._again = 0
        self.first = 1

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._row and self._again > _READ_TWICE:
            raise StopIteration
        line = self._ahead.popleft() if self._ahead else next(self._text)
        self._row.append(line)
        return line

    def begin(self) -> None:
        """Begin a row at the next line."""
        self.first += len(self._row)
        self._row = []

    def give_back(self) -> None:
        """Read all lines of this row after the first again."""
        self._ahead.extendleft(reversed(self._row[1:]))
        self._again += len(self._row) - 1
        del self._row[1:]


def _words(error: csv.Error) -> str:
    if "unexpected end of data" in str(error):
        return 'a quote (") is opened and never closed'
    return str(error)
