"""What was measured of judges as one HTML page that loads nothing."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from upath import UPath

from assets.judging import words
from assets.judging.bench import Measured
from assets.report.template import rendered
from assets.storage.tables import write_whole


def judged_page(measured: Sequence[Measured]) -> str:
    """The HTML page. All text is escaped."""
    return rendered(
        "judge_bench.html.jinja",
        folder=Path(__file__).parent,
        styles=["judge_bench.css"],
        family="judges",
        name="",
        measured=measured,
        words=words,
        headed=partial(zip, strict=True),
    )


def write_judged(measured: Sequence[Measured], out: Path) -> None:
    """Write the page into the file ``out``."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(UPath(out), judged_page(measured).encode())
