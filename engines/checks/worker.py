"""The process in which checks run that may hang: one JSON line in, one JSON line out.

Started by `workers.Workers` as ``python -m engines.checks.worker``. It loads Math-Verify once and
forks: the child answers, and when one dies (it hung and was ended by the system's clock, or it
crashed) that is told and the next child is there in milliseconds. It ends when its input does.
Standard output belongs to the protocol, so whatever a check prints goes to standard error.
"""

import json
import logging
import os
import signal
import sys
from typing import TextIO

# Imported before the first answer is read, so that no answer's time is spent on it.
import math_verify  # noqa: F401

from engines.checks.loading import load_check


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # It warns that its own timeouts are off: this process is the timeout.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    _tell(replies, {"ready": True})
    while child := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            return
        _tell(replies, {"slow": True} if code == -signal.SIGPROF else {"code": code})
    _answer(replies)


def _answer(replies: TextIO) -> None:
    """Answer until the input ends."""
    # The default action of both clocks is to end the process, whatever it is in.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # Not by lines read ahead: what one child has taken is lost with it.
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        # A check of the user's comes from wherever the factory found it.
        sys.path += [folder for folder in asked["path"] if folder not in sys.path]
        signal.setitimer(signal.ITIMER_PROF, asked["seconds"])
        # Should the factory die while a check waits, nobody is left to kill this process.
        signal.setitimer(signal.ITIMER_REAL, 2 * asked["patience"] + 10)
        reply: dict[str, object]
        try:
            check = load_check(asked["check"])
            reply = {"right": bool(check(asked["messages"], asked["reference"], asked["text"]))}
        except ValueError as error:
            reply = {"reference": str(error)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _tell(replies, reply)


def _tell(replies: TextIO, reply: dict[str, object]) -> None:
    print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
