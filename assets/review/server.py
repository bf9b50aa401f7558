"""The server of the review page, on this machine only.

The address in the terminal holds a token of this session. Every request needs the token. Requests
from pages of other origins, or under another host name, are refused.
"""

import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from assets.review.session import Session

HOST = "127.0.0.1"
TOKEN = "x-review-token"
FOLDER = Path(__file__).parent / "page"
LARGEST = 20_000
"""The most bytes of a request. A decision has about a hundred, and a comment."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    # The address holds the token: other pages must not see it, and caches must not store it.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def application(session: Session, *, port: int, token: str) -> Starlette:
    """The application: the page ``/?token=…``, its files and its requests."""

    async def page(request: Request) -> Response:
        if not secrets.compare_digest(request.query_params.get("token", ""), token):
            return PlainTextResponse("open the address that factory review printed", 403)
        return FileResponse(FOLDER / "review.html", media_type="text/html; charset=utf-8")

    def answered(act: Callable[[Any], str | None]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            sent = request.headers.get(TOKEN, "")
            if not secrets.compare_digest(sent, token):
                return PlainTextResponse("no token", 403)
            try:
                body = await request.json() if request.method == "POST" else None
                pair_id = act(body)
            except (KeyError, TypeError, ValueError) as error:
                return PlainTextResponse(f"not understood: {error}", 400)
            names = {"dataset": session.dataset, "person": session.person}
            return JSONResponse(names | session.state(pair_id))

        return answer

    def decide(body: Mapping[str, str]) -> None:
        session.decide(body["pair"], body["choice"], body.get("comment", ""))

    return Starlette(
        routes=[
            Route("/", page),
            Route("/review.js", _file("review.js", "text/javascript")),
            Route("/review.css", _file("review.css", "text/css")),
            Route("/state", answered(lambda _: None)),
            Route("/decide", answered(decide), methods=["POST"]),
            Route("/undo", answered(lambda _: session.undo()), methods=["POST"]),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_guard(port))],
        max_body_size=LARGEST,
    )


def serve(session: Session, *, port: int, ready: Callable[[str], None]) -> None:
    """Serve the review on `HOST` until Ctrl-C.

    Args:
        port: 0 for any free port.
        ready: Called with the address of the page.

    Raises:
        OSError: The port is in use.
    """
    import uvicorn

    with socket.create_server((HOST, port)) as listening:
        bound = listening.getsockname()[1]
        token = secrets.token_urlsafe(32)
        # The access log would store the address, and with it the token.
        config = uvicorn.Config(
            application(session, port=bound, token=token), log_level="warning", access_log=False
        )
        ready(f"http://{HOST}:{bound}/?token={token}")
        # uvicorn raises Ctrl-C again after it has answered the open requests.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])


def _guard(port: int) -> Callable[[Request, RequestResponseEndpoint], Any]:
    """Refuse requests under another host name (DNS rebinding) and from pages of other origins."""
    hosts = {f"{name}:{port}" for name in (HOST, "localhost")}
    origins = {f"http://{host}" for host in hosts}

    async def guarded(request: Request, call_next: RequestResponseEndpoint) -> Response:
        origin = request.headers.get("origin")
        if request.headers.get("host") not in hosts or (origin and origin not in origins):
            response: Response = PlainTextResponse("not from here", 403)
        else:
            response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    return guarded


def _file(name: str, kind: str) -> Callable[[Request], Any]:
    async def file(_: Request) -> Response:
        return FileResponse(FOLDER / name, media_type=f"{kind}; charset=utf-8")

    return file
