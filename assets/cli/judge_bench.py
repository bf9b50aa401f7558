"""``factory judge-bench``: how well roles judge, where the right verdict is known."""

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.errors import Json, began, printed

commands = typer.Typer()


@commands.command()
def judge_bench(
    roles: Annotated[
        list[str], typer.Argument(metavar="ROLE...", help="Roles; the first is compared with.")
    ],
    on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHAPE=PATH|SOURCE",
            help="A file as reward-bench=FILE, reward-bench-2=FILE, judgebench=FILE or "
            "processbench=FILE, or a source with a check (default: the held-out one). Repeatable.",
        ),
    ] = None,
    rows: Annotated[
        int, typer.Option("--rows", "-n", min=1, help="Items, or prompts of a source.")
    ] = 200,
    seed: Annotated[int, typer.Option(help="The seed of the draw.")] = 0,
    votes: Annotated[
        int | None,
        typer.Option(min=1, help="Written verdicts a question (default: probabilities)."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of a file that names groups.")
    ] = None,
    probes: Annotated[
        bool, typer.Option("--probes", help="Also probe: empty answers, openers, other answers.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write an HTML page.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep every verdict (Parquet).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure roles as judges: accuracy by group and by length, with intervals; flips when a pair
    is shown in the other order; ties; verdicts that could not be read.

    Answers are journaled, so the same command asks no model twice.
    """
    began("judge-bench")
    with printed(as_json) as answer:
        import polars as pl

        from assets.cli import console
        from assets.cli.judge_tables import judged_tables
        from assets.factory import Factory

        factory = Factory.open([])
        measured = [
            factory.judge_bench(
                roles, each, rows=rows, seed=seed, votes=votes, group=group, probes=probes
            )
            for each in on or [factory.settings.held_out]
        ]
        screen = console.console(stderr=as_json)
        if not as_json:
            for each in measured:
                for table in judged_tables(each):
                    screen.print(table)
        if page is not None:
            from assets.judging.page import write_judged

            write_judged(measured, page)
            screen.print(console.written_line(str(page)), soft_wrap=True)
        if keep is not None:
            keep.parent.mkdir(parents=True, exist_ok=True)
            pl.concat([each.rows() for each in measured]).write_parquet(keep)
            screen.print(console.written_line(str(keep)), soft_wrap=True)
        answer({"seed": seed, "votes": votes, "benchmarks": [each.as_json() for each in measured]})
