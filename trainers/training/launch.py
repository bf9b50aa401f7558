"""Runs a training in one process for each device, on this machine.

Accelerate's launcher starts several processes on GPUs only, and reads a configuration of the user's
in which another kind of training may be set. So it is torchrun, which Accelerate's launcher calls.
"""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.protocol import EngineError
from schemas.atomic import write_file

if TYPE_CHECKING:
    from trainers.training.fit import Job

JOB = "job.pickle"
RESULT = "result.json"
FAILURE = "failure.json"
"""Files in the work folder of a training."""


def launch(job: "Job") -> dict[str, Any]:
    """`trainers.training.fit.fit` in ``job.division.devices`` processes. They end with this one,
    however it ends.

    Raises:
        EngineError: one of them failed.
    """
    work, devices = job.folder.work, job.division.devices
    work.mkdir(parents=True, exist_ok=True)
    for leftover in (RESULT, FAILURE):
        (work / leftover).unlink(missing_ok=True)
    write_file(work / JOB, pickle.dumps(job))
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={devices}"]
    processes = subprocess.Popen(
        [sys.executable, *torchrun, "-m", "trainers.training.worker", str(work)],
        # Nobody writes to it: the workers end when it is closed.
        stdin=subprocess.PIPE,
        # Libraries write to stdout, which ``--json`` uses.
        stdout=2,
        env=environment(job),
    )
    try:
        code = processes.wait()
    finally:
        if processes.stdin is not None:
            processes.stdin.close()
        processes.terminate()
        processes.wait()
    if code:
        raise EngineError(_failure(work / FAILURE, code, job.where))
    result: dict[str, Any] = json.loads((work / RESULT).read_text("utf-8"))
    return result


def environment(job: "Job") -> dict[str, str]:
    """The environment of its processes."""
    environment = dict(os.environ)
    # Modules of the project folder are found as here.
    environment["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    if sys.platform == "linux":
        # By its host name a machine may not reach itself.
        environment.setdefault("GLOO_SOCKET_IFNAME", "lo")
    if job.method.shard:
        # Accelerate reads these before it is told.
        environment |= {"ACCELERATE_USE_FSDP": "true", "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT"}
    threads = 1 if job.gpu else max(1, len(os.sched_getaffinity(0)) // job.division.devices)
    environment.setdefault("OMP_NUM_THREADS", str(threads))
    return environment


def _failure(file: Path, code: int, where: str) -> str:
    if not file.exists():
        return (
            f"{where}: the processes of the training ended with exit code {code}; what they said "
            "is above. A process that is killed may have had too little memory"
        )
    failure = json.loads(file.read_text("utf-8"))
    if failure["expected"]:
        return str(failure["error"])
    return (
        f"{where}: process {failure['process']} of the training failed: {failure['error']}. Its "
        "traceback is above. If another process was killed, it may have had too little memory"
    )
