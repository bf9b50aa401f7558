"""Commands in processes of their own that are forked from one which has imported what they need:
that is seven processor seconds of a command."""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["tests.imported_by_commands"])


def started(
    words: Sequence[str], environment: Mapping[str, str], printed: Path
) -> ForkServerProcess:
    """The process of ``factory`` with these words. What it prints is in two files: ``printed``, and
    beside it with the suffix ``.err`` what it says of errors."""
    process = _FORKED.Process(target=_command, args=(words, dict(environment), printed))
    process.start()
    return process


def _command(words: Sequence[str], environment: Mapping[str, str], printed: Path) -> None:
    from assets.cli import app

    for number, file in enumerate((printed, printed.with_suffix(".err")), 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["factory", *words]
    app()
