"""A comparison as one HTML page that loads nothing."""

from pathlib import Path

from upath import UPath

from assets.charts.histogram import HEIGHT, WIDTH
from assets.comparing import words
from assets.comparing.comparison import Comparison
from assets.report.template import rendered
from assets.storage.tables import write_whole


def comparison_page(compared: Comparison) -> str:
    """The HTML page of a comparison. All text is escaped."""
    both, own = words.claims_of(compared)
    return rendered(
        "compare.html.jinja",
        folder=Path(__file__).parent,
        styles=["compare.css"],
        family="compare",
        name="",
        compared=compared,
        words=words,
        claims=both,
        own_claims=own,
        width=WIDTH,
        height=HEIGHT,
    )


def write_comparison(compared: Comparison, out: Path) -> None:
    """Write the page of a comparison into the file ``out``."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(UPath(out), comparison_page(compared).encode())
