"""The process for checks that may hang: one JSON line in, one JSON line out.

`workers.Workers` starts it as ``python -m engines.checks.worker``. It loads Math-Verify once and
forks. The child answers. If the child dies (a system timer ended it, or it crashed), the process
reports this and forks again, which takes milliseconds. It ends when its input ends. Standard output
is for the protocol, so what a check prints goes to standard error.
"""

import json
import logging
import os
import signal
import sys
from typing import TextIO

# Imported first, so that the import does not count as time of a check.
import math_verify  # noqa: F401

from engines.checks.loading import load_check


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # It warns that its own timeouts are off: this process is the timeout.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    _send(replies, {"ready": True})
    while child := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            return
        _send(replies, {"slow": True} if code == -signal.SIGPROF else {"code": code})
    _answer(replies)


def _answer(replies: TextIO) -> None:
    """Answer until the input ends."""
    # The default action of both timers ends the process at any point.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # No reading ahead: lines that a child has read are lost when it dies.
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        # A user's check is imported from the same folders as in the factory.
        sys.path += [folder for folder in request["path"] if folder not in sys.path]
        signal.setitimer(signal.ITIMER_PROF, request["seconds"])
        # If the factory dies while a check sleeps, only this timer ends the process.
        signal.setitimer(signal.ITIMER_REAL, 2 * request["patience"] + 10)
        reply: dict[str, object]
        try:
            check = load_check(request["check"])
            reply = {
                "right": bool(check(request["messages"], request["reference"], request["text"]))
            }
        except ValueError as error:
            reply = {"reference": str(error)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(replies, reply)


def _send(replies: TextIO, reply: dict[str, object]) -> None:
    print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
