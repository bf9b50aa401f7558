"""Packs the data for the page's script: one JSON value a line, in gzip, in base64.

The first line is an object, and each other line is a list of texts. So a browser can parse line by
line and show its progress. Base64 has no character that could end the HTML element.
"""

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from typing import Any

BATCH = 1 << 18
"""About how many characters of texts a line has."""

LINE = 1 << 20
"""Characters of base64 in a line: a multiple of four, so that each line can be decoded alone."""


def packed(columns: Any, texts: Sequence[str]) -> str:
    """Pack ``columns`` (JSON values) and ``texts``. Equal data give equal output."""
    lines = "\n".join(_json(value) for value in [columns, *_batches(texts)])
    # Without a fixed mtime the bytes would depend on the time.
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
