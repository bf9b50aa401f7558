"""What the UI shows cannot be drawn on by what a model wrote."""

import html

import polars as pl

from assets.look import dropped_rows, escaped, histograms, markdown, sampled
from schemas import Pairs, Scores, dropped


def test_untrusted_text_is_escaped() -> None:
    table = markdown(["text"], [["<img src=x onerror=alert(1)> | **bold** [a](b)\n# head"]])
    assert len(table.splitlines()) == 3
    cell = table.splitlines()[2].removeprefix("| ").removesuffix(" |")
    assert not set("<|*[]#\n") & set(cell.replace("&#", "&"))
    signs = "\\ ` * _ [ ] # ! | ~ & < &#92;"
    assert html.unescape(escaped(signs)) == signs


def test_no_rows_are_no_table() -> None:
    assert sampled(pl.DataFrame({"text": []})) == "no rows"


def test_drop_reasons_are_counted_with_an_example() -> None:
    refused = pl.concat([dropped("s", "empty", ["a"]), dropped("s", "long", ["b", "c"])])
    lines = dropped_rows(refused).splitlines()
    assert lines[2].startswith("| long | 2 | b |")
    assert lines[3].startswith("| empty | 1 | a |")


def test_numbers_become_small_pictures() -> None:
    pictures = histograms(Scores, pl.DataFrame({"value": [0.0, 1.0, 1.0, None]}))
    (picture,) = pictures.values()
    assert "data:image/png;base64," in str(picture.value)
    assert len(str(picture.value)) < 20_000
    nothing = pl.DataFrame({"margin": [None], "weight": [None]})
    assert histograms(Pairs, nothing) == {}
