"""The process in which checks run that may hang: one JSON line in, one JSON line out.

Started by `workers.Workers` as ``python -m engines.checks.worker``; it ends when its input
does. Standard output belongs to the protocol, so whatever a check prints goes to standard error.
"""

import json
import logging
import os
import signal
import sys

# Imported before the first answer is read, so that no answer's time is spent on it.
import math_verify  # noqa: F401

from engines.checks.loading import load_check


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # It warns that its own timeouts are off: this process is the timeout.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    print("ready", file=replies, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        # A check of the user's comes from wherever the factory found it.
        sys.path += [folder for folder in asked["path"] if folder not in sys.path]
        # Should the factory die while a check hangs, nobody is left to kill this process: then the
        # alarm's default action does.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 2 * asked["seconds"] + 10)
        reply: dict[str, object]
        try:
            check = load_check(asked["check"])
            reply = {"right": bool(check(asked["messages"], asked["reference"], asked["text"]))}
        except ValueError as error:
            reply = {"reference": str(error)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
