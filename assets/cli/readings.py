"""``factory check`` and ``factory read``: try a check, or the parsing of verdicts, on texts.

Both read JSON lines from standard input and print each line with the result.
"""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import typer

from assets.cli.errors import printed

commands = typer.Typer()


@commands.command()
def check(
    path: Annotated[
        str, typer.Option("--with", metavar="CHECK", help="Its import path: engines.checks.math.")
    ],
) -> None:
    """Is the answer in each text right? JSONL {"reference", "text"} in, each line with "right" out.

    "right" is true, false, or null with an "error". "messages" are the prompt, for a check that
    looks at it.
    """
    with printed(False):
        from assets.config.errors import FactoryError
        from engines.checks import CheckError, UnknownCheckError, bounded

        try:
            is_right = bounded(path)
        except UnknownCheckError as error:
            raise FactoryError(str(error)) from None
        for row in _rows("text", "reference"):
            try:
                right = is_right(row.get("messages", []), row["reference"], row["text"])
            except (ValueError, CheckError) as error:
                _print(row, right=None, error=str(error))
            else:
                _print(row, right=right)


@commands.command()
def read(
    kind: Annotated[
        Literal["grade", "choice", "ranking"], typer.Argument(help="What the judge was asked for.")
    ],
    scale: Annotated[
        str, typer.Option(metavar="LOW-HIGH", help="Of a grade: its lowest and highest.")
    ] = "1-5",
    count: Annotated[
        int | None, typer.Option(min=2, max=26, help="Of a ranking: how many are ranked.")
    ] = None,
) -> None:
    """Read a judge's verdict in each text. JSONL {"text"} in, each line with "value" out.

    For a grade the value is the number. For a choice it is 1 for the response shown first, 0 for
    the second, 0.5 for neither. For a ranking it is the positions of the responses as shown, from
    0, the best first. If the text has no clear verdict, "value" is null with an "error".
    """
    with printed(False):
        from annotators.judge.parsing.verdicts import UnparseableVerdict

        reads = _reader(kind, scale, count)
        for row in _rows("text"):
            try:
                value = reads(row["text"])
            except UnparseableVerdict as error:
                _print(row, value=None, error=str(error))
            else:
                _print(row, value=value)


def _reader(kind: str, scale: str, count: int | None) -> Callable[[str], Any]:
    from annotators.judge.parsing.verdicts import read_choice, read_grade, read_ranking
    from assets.config.errors import FactoryError

    if kind == "choice":
        return read_choice
    if kind == "ranking":
        if count is None:
            raise FactoryError("say how many are ranked: --count 3")
        return lambda text: read_ranking(text, count)
    low, dash, high = scale.partition("-")
    if not (dash and low.isdecimal() and high.isdecimal() and int(low) < int(high)):
        raise FactoryError(f"--scale is a lowest and a highest grade, as 1-5, not {scale!r}")
    return lambda text: read_grade(text, (int(low), int(high)))


def _rows(*texts: str) -> Iterator[dict[str, Any]]:
    """The JSON objects of standard input. Their fields ``texts`` are strings; numbers in them
    become strings as written. Raises `FactoryError` for any other line."""
    from assets.config.errors import FactoryError

    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        where = f"standard input, line {number}"
        try:
            row = json.loads(line)
            as_text = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
        except (ValueError, RecursionError) as error:
            raise FactoryError(f"{where} is not JSON: {error}") from None
        if not isinstance(row, dict):
            raise FactoryError(f'{where} is not an object such as {{"text": "4"}}')
        for name in texts:
            if not isinstance(as_text.get(name), str):
                raise FactoryError(f"{where}, field {name!r}: a text is expected")
        yield row | {name: as_text[name] for name in texts}


def _print(row: dict[str, Any], **results: Any) -> None:
    # ASCII, so that no text can control the terminal.
    typer.echo(json.dumps(row | results))
