"""An HTTP client that limits the size of an answer, which could otherwise fill the memory."""

from typing import Any

import httpx2
import openai

from engines.openai.failures import UNREADABLE, Failure

LARGEST = 64 * 2**20
"""The most bytes of an answer, decompressed. 20 log-probs for each of 32,000 tokens take 50 MB."""


class BoundedClient(openai.DefaultAsyncHttpxClient):
    """OpenAI's client with a limit of the size of an answer."""

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **options: Any
    ) -> httpx2.Response:
        """The answer to ``request``, read to its end.

        Raises:
            Failure: the answer has more than `LARGEST` bytes (`UNREADABLE`). The rest is not read.
                Or a redirection (its status) made the request a GET, without its body.
        """
        response = await super().send(request, stream=True, **options)
        if response.request.method != request.method:
            await response.aclose()
            place = response.url.copy_with(userinfo=b"", query=None)
            raise Failure(
                response.history[-1].status_code,
                f"it redirects to {place} and loses the prompt on the way: set 'url' to the "
                "address that answers itself (https, or another path)",
            )
        body = bytearray()
        try:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > LARGEST:
                    large = f"gives an answer of more than {LARGEST // 2**20} MiB"
                    raise Failure(UNREADABLE, large)
        finally:
            await response.aclose()
        # The body is decompressed, so these headers no longer apply.
        encoded = ("content-encoding", "content-length", "transfer-encoding")
        headers = [
            (name, value) for name, value in response.headers.multi_items() if name not in encoded
        ]
        return httpx2.Response(
            response.status_code,
            headers=headers,
            content=bytes(body),
            request=response.request,
            extensions=response.extensions,
            history=response.history,
        )
