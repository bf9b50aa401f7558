"""Data for the page's script, small: gzip in base64, a JSON value a line.

The first line is an object, each further one a list of texts, so that a browser parses a little at
a time and shows how far it is. Base64 has no sign that could end the element it stands in.
"""

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from typing import Any

BATCH = 1 << 18
"""Characters of texts a line, about."""

LINE = 1 << 20
"""Characters of base64 a line: a multiple of four, so that each line decodes by itself."""


def packed(columns: Any, texts: Sequence[str]) -> str:
    """``columns`` (of what JSON knows), then ``texts``. The same data give the same characters."""
    lines = "\n".join(_json(value) for value in [columns, *_batches(texts)])
    # mtime: else every second has bytes of its own.
    zipped = base64.b64encode(gzip.compress(lines.encode(), 6, mtime=0)).decode()
    return "\n".join(zipped[at : at + LINE] for at in range(0, len(zipped), LINE))


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
