"""A PostgreSQL server of a test's own, on a free port of this machine, with a password."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving() -> Iterator[str]:
    """Starts one from nothing; its URL. It is gone afterwards, with all it kept.

    The programs are those of Debian's package, or of the path. PostgreSQL refuses root, so root
    starts it as the user that the package made.
    """
    user = "postgres" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="factory-postgres-"))
    try:
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        password = secrets.token_urlsafe(12)
        (folder / "password").write_text(password)
        (folder / "password").chmod(0o644)
        data = ["-D", str(folder / "data")]
        _run(
            "initdb",
            *data,
            *("--username", "factory", "--pwfile", str(folder / "password"), "--no-sync"),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"),
            user=user,
        )
        port = _free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        log = ["-l", str(folder / "log")]
        _run("pg_ctl", *data, *log, "-w", "-o", options, "start", user=user)
        try:
            yield f"postgresql+psycopg2://factory:{password}@127.0.0.1:{port}/postgres"
        finally:
            _run("pg_ctl", *data, "-w", "-m", "immediate", "stop", user=user)
    finally:
        shutil.rmtree(folder)


def _run(program: str, *arguments: str, user: str | None) -> None:
    command = [_program(program), *arguments]
    identity = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    # A server that pg_ctl starts keeps what is open: a pipe would never end.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            command, stdout=said, stderr=subprocess.STDOUT, cwd="/", check=False, **identity
        )
        said.seek(0)
        assert done.returncode == 0, said.read()


def _program(name: str) -> str:
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(debian[-1]) if debian else shutil.which(name)
    assert found, f"PostgreSQL's {name} is not installed: make test-postgres"
    return found


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
