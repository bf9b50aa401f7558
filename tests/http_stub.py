"""An HTTP server of the test's own, which answers as the test says."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Any, Mapping[str, str]] | None
Script = Callable[[str, str, Any, Mapping[str, str]], Reply]


class HttpStub:
    """``script(method, path, body, headers)`` gives each answer: (status, body, headers), the body
    sent as JSON unless it is bytes, or an iterator of bytes, which are sent as they come; or None,
    which closes the connection without a word."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Listen; on the same port as before where it was stopped."""
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                self._handle(None)

            def do_POST(self) -> None:
                self._handle(json.loads(self.rfile.read(int(self.headers["content-length"]))))

            def _handle(self, body: Any) -> None:
                reply = stub.script(self.command, self.path, body, self.headers)
                self.close_connection = reply is None or not stub.running
                if reply is None or not stub.running:
                    return
                status, answer, headers = reply
                parts = answer if isinstance(answer, Iterator) else None
                raw = answer if isinstance(answer, bytes) else b""
                if not isinstance(answer, (bytes, Iterator)):
                    raw = json.dumps(answer).encode()
                named = {"content-type": "application/json"}
                if parts is None:
                    named["content-length"] = str(len(raw))
                self.send_response(status)
                for name, value in {**named, **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.close_connection = parts is not None or "content-length" in headers
                with suppress(ConnectionError):
                    for part in parts or [raw]:
                        self.wfile.write(part)

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = int(self.server.server_address[1])
        self.running = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Be gone: nothing listens, and nothing more is answered."""
        if self.running:
            self.running = False
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()
