"""Run by a test in a process of its own: ``drained.py FOLDER ADDRESS ROWS`` samples on replicas,
which stop it by SIGTERM at their 40th call. Exits with 3 if it was stopped."""

import os
import sys
from pathlib import Path

from engines.bindings import Binding
from engines.cluster.settings import Cluster
from engines.operators.run_rows import Stopped
from tests.engines.cluster.noted_engine import NAME
from tests.engines.cluster.sampled import sampled


def main(folder: Path, address: str, count: int) -> None:
    (folder / "driver").write_text(str(os.getpid()))
    binding = Binding(
        model="w",
        engine=NAME,
        options={"folder": str(folder), "delay": 0.2, "stop": 40},
        replicas=2,
        gpus=0,
        in_flight=16,
        resources={"engine": 1},
    )
    try:
        split = sampled(binding, folder, Cluster(address=address), count=count, window=32)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(3)
    assert split.kept.height == count


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
