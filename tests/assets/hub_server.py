"""A small Hugging Face Hub on 127.0.0.1: repositories, LFS, commits, as huggingface_hub calls them.

It keeps commits whole: what was uploaded is seen in the repository only once a commit names it. A
test asks it to answer badly (`Hub.fail`), to hang up in the middle of an upload (`Hub.cut`), to
let another writer in before a commit (`Hub.meanwhile`), or to lose the answer to as many commits as
`Hub.lost` says. Every request is kept in `Hub.requests`.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

TOKEN = "hf_the_secret_token_of_this_test"


@dataclass
class Repo:
    """A dataset or a model: its commits, the newest last, each with all its files."""

    private: bool
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @property
    def head(self) -> str:
        return self.commits[-1][0]

    @property
    def files(self) -> dict[str, bytes]:
        """What the head holds, by path."""
        return self.commits[-1][1]

    def at(self, revision: str) -> dict[str, bytes] | None:
        """What a commit or ``main`` holds."""
        return self.files if revision == "main" else dict(self.commits).get(revision)

    def commit(self, files: Mapping[str, bytes], message: str) -> str:
        """Put ``files`` on top as a commit, and give its name."""
        told = json.dumps([message, len(self.commits), sorted(files)]).encode()
        name = sha1(told + b"".join(files[path] for path in sorted(files))).hexdigest()
        self.commits.append((name, dict(files)))
        self.messages.append(message)
        return name


@dataclass(frozen=True)
class Request:
    """What was asked, as it came over the wire."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Answer:
    """What is answered instead of doing what was asked, ``times`` times."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    times: int


class Hub:
    """The server's state, which a test reads and changes."""

    def __init__(self) -> None:
        self.url = ""
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[Request] = []
        self.meanwhile: Callable[[Repo], None] | None = None
        self.halfway = Event()
        self.lost = 0
        self._failures: list[Answer] = []
        self._cutting = False

    def fail(
        self,
        method: str,
        path: str,
        status: int,
        *,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> None:
        """Answer requests whose path matches the pattern ``path`` with ``status``."""
        text = json.dumps({"error": f"as the test wishes: {status}"} if body is None else body)
        answer = Answer(method, path, status, headers or {}, text.encode(), times)
        self._failures.append(answer)

    def cut(self, cutting: bool = True) -> None:
        """Hang up on every upload in the middle of it (or no longer)."""
        self._cutting = cutting

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests of ``method`` whose path matches the pattern ``path``."""
        return [r for r in self.requests if r.method == method and re.search(path, r.path)]


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub that answers at ``hub.url`` until the block ends."""
    hub = Hub()

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the test's screen."""

    def do_GET(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        length = int(self.headers.get("Content-Length") or 0)
        if self.command == "PUT" and self.state._cutting:
            self.rfile.read(length // 2)
            self.state.halfway.set()
            self.close_connection = True
            return
        body = self._chunked() if self.headers.get("Transfer-Encoding") else self.rfile.read(length)
        self.state.requests.append(Request(self.command, path, dict(self.headers), body))
        for answer in self.state._failures:
            if answer.times and answer.method == self.command and re.search(answer.path, path):
                answer.times -= 1
                self._send(answer.status, answer.body, answer.headers)
                return
        for method, pattern, serve in self._routes():
            found = re.fullmatch(pattern, path)
            if found and self.command in method:
                serve(*found.groups(), **{"body": body, "query": parse_qs(parts.query)})
                return
        self._error(404, "EntryNotFound", f"no such address: {self.command} {path}")

    def _routes(self) -> list[tuple[tuple[str, ...], str, Callable[..., None]]]:
        repo = r"((?!datasets/)[^/]+/[^/]+)"
        return [
            (("GET",), "/api/whoami-v2", self._whoami),
            (("POST",), "/api/repos/create", self._create),
            (("POST",), "/api/validate-yaml", self._validate),
            (("GET",), rf"/api/(?:datasets|models)/{repo}", self._info),
            (("GET",), rf"/api/(?:datasets|models)/{repo}/revision/([^/]+)", self._info),
            (("GET",), rf"/api/(?:datasets|models)/{repo}/tree/([^/]+)", self._tree),
            (("POST",), rf"/api/(?:datasets|models)/{repo}/preupload/([^/]+)", self._preupload),
            (("POST",), rf"/api/(?:datasets|models)/{repo}/commit/([^/]+)", self._commit),
            (("POST",), rf"/(?:datasets/)?{repo}\.git/info/lfs/objects/batch", self._batch),
            (("PUT",), "/lfs/([0-9a-f]{64})", self._upload),
            (("POST",), "/lfs/verify", self._verify),
            (("GET", "HEAD"), rf"/(?:datasets/)?{repo}/resolve/([^/]+)/(.+)", self._resolve),
        ]

    def _whoami(self, **_: Any) -> None:
        self._json({"type": "user", "name": "me", "orgs": []})

    def _create(self, *, body: bytes, **_: Any) -> None:
        if not self._authorised():
            return
        asked = json.loads(body)
        name = f"{asked['organization'] or 'me'}/{asked['name']}"
        told = {"url": f"{self.state.url}/datasets/{name}"}
        if name in self.state.repos:
            self._json(told | {"error": "You already created this dataset repo"}, status=409)
            return
        self.state.repos[name] = Repo(private=asked.get("visibility") != "public")
        self.state.repos[name].commit({".gitattributes": b"*.parquet filter=lfs\n"}, "initial")
        self._json(told)

    def _validate(self, *, body: bytes, **_: Any) -> None:
        _front_matter(json.loads(body)["content"].encode())
        self._json({"errors": [], "warnings": []})

    def _info(self, name: str, revision: str = "main", **_: Any) -> None:
        found = self._repo(name, revision)
        if found is None:
            return
        repo, files = found
        self._json(
            {
                "id": name,
                "sha": repo.head if revision == "main" else revision,
                "private": repo.private,
                "siblings": [{"rfilename": path} for path in files],
                "cardData": _front_matter(files.get("README.md", b"")),
                "tags": [],
            }
        )

    def _tree(self, name: str, revision: str, **_: Any) -> None:
        found = self._repo(name, revision)
        if found is None:
            return
        told: list[dict[str, Any]] = []
        for path, content in found[1].items():
            told.append({"type": "file", "path": path, "size": len(content), "oid": _blob(content)})
            if _large(path):
                pointer = b"oid sha256:" + sha256(content).hexdigest().encode()
                told[-1] |= {
                    "oid": _blob(pointer),
                    "lfs": {
                        "oid": sha256(content).hexdigest(),
                        "size": len(content),
                        "pointerSize": len(pointer),
                    },
                }
        folders = {path.rpartition("/")[0] for path in found[1] if "/" in path}
        told += [{"type": "directory", "path": each, "oid": "0" * 40} for each in folders]
        self._json(told)

    def _preupload(self, name: str, revision: str, *, body: bytes, **_: Any) -> None:
        found = self._authorised() and self._repo(name, revision)
        if not found:
            return
        files = []
        for asked in json.loads(body)["files"]:
            path = asked["path"]
            large = _large(path)
            there = found[1].get(path)
            oid = None if there is None else sha256(there).hexdigest() if large else _blob(there)
            mode = "lfs" if large else "regular"
            files.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self._json({"files": files})

    def _batch(self, name: str, *, body: bytes, **_: Any) -> None:
        if not self._authorised():
            return
        objects = []
        for one in json.loads(body)["objects"]:
            told = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.state.objects:
                told["actions"] = {
                    "upload": {"href": f"{self.state.url}/lfs/{one['oid']}", "header": {}},
                    "verify": {"href": f"{self.state.url}/lfs/verify"},
                }
            objects.append(told)
        self._json({"transfer": "basic", "objects": objects})

    def _upload(self, oid: str, *, body: bytes, **_: Any) -> None:
        if sha256(body).hexdigest() != oid:
            self._error(400, "BadOid", "the content is another")
            return
        self.state.objects[oid] = body
        self._send(200, b"")

    def _verify(self, *, body: bytes, **_: Any) -> None:
        known = json.loads(body)["oid"] in self.state.objects
        self._send(200 if known else 404, b"{}")

    def _commit(self, name: str, revision: str, *, body: bytes, **_: Any) -> None:
        found = self._authorised() and self._repo(name, revision)
        if not found:
            return
        repo, _files = found
        if self.state.meanwhile is not None:
            self.state.meanwhile(repo)
            self.state.meanwhile = None
        header, *operations = [json.loads(line) for line in body.splitlines()]
        if header["value"].get("parentCommit") not in (None, repo.head):
            self._error(412, "PreconditionFailed", "A commit has happened since. Please refresh")
            return
        files = dict(repo.files)
        for operation in operations:
            told = operation["value"]
            if operation["key"] == "file":
                files[told["path"]] = base64.b64decode(told["content"])
            elif operation["key"] == "lfsFile":
                if told["oid"] not in self.state.objects:
                    self._error(400, "LfsMissing", f"{told['path']} was not uploaded")
                    return
                files[told["path"]] = self.state.objects[told["oid"]]
            else:
                del files[told["path"]]
        oid = repo.commit(files, header["value"]["summary"])
        if self.state.lost:
            self.state.lost -= 1
            self._error(500, "Internal", "the commit is there, its answer is not")
            return
        url = f"{self.state.url}/datasets/{name}/commit/{oid}"
        self._json({"commitUrl": url, "commitOid": oid, "success": True})

    def _resolve(self, name: str, revision: str, path: str, **_: Any) -> None:
        found = self._repo(name, revision)
        if found is None:
            return
        repo, files = found
        if path not in files:
            self._error(404, "EntryNotFound", f"no file {path}")
            return
        content = files[path]
        large = _large(path)
        tag = sha256(content).hexdigest() if large else _blob(content)
        commit = repo.head if revision == "main" else revision
        self._send(200, content, {"X-Repo-Commit": commit, "ETag": f'"{tag}"'})

    def _repo(self, name: str, revision: str) -> tuple[Repo, dict[str, bytes]] | None:
        """The repository and its files; None where there are none that the asker may see."""
        repo = self.state.repos.get(name)
        if repo is None or (repo.private and not self._signed()):
            self._error(404, "RepoNotFound", "Repository not found")
            return None
        files = repo.at(revision)
        if files is None:
            self._error(404, "RevisionNotFound", f"no revision {revision}")
            return None
        return repo, files

    def _signed(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _authorised(self) -> bool:
        if not self._signed():
            self._error(401, "Unauthorized", "Invalid credentials in Authorization header")
        return self._signed()

    def _chunked(self) -> bytes:
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _json(self, told: Any, status: int = 200) -> None:
        self._send(status, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _error(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message}
        self._send(status, json.dumps({"error": message}).encode(), headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _large(path: str) -> bool:
    """Whether a file goes to large file storage, as ``.gitattributes`` of a new dataset says."""
    return path.endswith((".parquet", ".safetensors"))


def _blob(content: bytes) -> str:
    """Git's name of a file's content."""
    return sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _front_matter(card: bytes) -> dict[str, Any]:
    found = re.match(rb"---\r?\n(.*?)\r?\n---", card, flags=re.DOTALL)
    return yaml.safe_load(found[1]) if found else {}
