"""One of the processes of a training: ``python -m trainers.training.worker WORK``, started by
`trainers.training.launch`."""

import json
import os
import pickle
import sys
import threading
from pathlib import Path

from engines.protocol import EngineError
from schemas.atomic import write_file
from trainers.training.launch import FAILURE, JOB, RESULT


def main(work: Path) -> None:
    """Run the job in ``work``; the first process writes its result there."""
    threading.Thread(target=_end_with_the_launching_process, daemon=True).start()
    process = int(os.environ["RANK"])
    try:
        from accelerate import PartialState

        from trainers.training.fit import fit

        result = fit(pickle.loads((work / JOB).read_bytes()))  # of our own work folder
        if process == 0:
            write_file(work / RESULT, json.dumps(result).encode())
        PartialState().destroy_process_group()
    except Exception as error:
        expected = isinstance(error, EngineError)
        message = str(error) if expected else f"{type(error).__name__}: {error}"
        failure = {"process": process, "expected": expected, "error": message}
        _write_first(work / FAILURE, json.dumps(failure))
        raise


def _end_with_the_launching_process() -> None:
    """The standard input is a pipe that only the launching process holds. It is read without
    Python's buffer, whose lock would stop the interpreter at its end."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _write_first(file: Path, text: str) -> None:
    """Write ``text``, unless another process failed before. What fails after it has lost its
    connection."""
    try:
        with open(file, "x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        pass


if __name__ == "__main__":
    main(Path(sys.argv[1]))
