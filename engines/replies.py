"""What OpenAI-compatible servers answer, as far as the factory reads it."""

from typing import Any

from pydantic import BaseModel, Field

_TOKEN_ID = "token_id:"


class ListedToken(BaseModel):
    """A token that the model might have written; ``logprob``: natural log."""

    token: str
    logprob: float


class WrittenToken(ListedToken):
    """A token that it wrote, and others in its place."""

    top_logprobs: list[ListedToken] = []


class ChatLogprobs(BaseModel):
    """One entry a token, the turn's end included where the server counts it."""

    content: list[WrittenToken] | None = None


class Text(BaseModel):
    """``content`` is None where nothing was written, as when all tokens went into reasoning."""

    content: str | None = None
    refusal: str | None = None


class ChatChoice(BaseModel):
    """One sampled answer. ``token_ids`` is vLLM's own (``return_token_ids``)."""

    message: Text
    finish_reason: str | None = None
    logprobs: ChatLogprobs | None = None
    token_ids: list[int] | None = None

    @property
    def tokens(self) -> list[WrittenToken]:
        """The tokens written; empty where the server gives no log-probs."""
        return (self.logprobs.content if self.logprobs else None) or []


class ChatReply(BaseModel):
    """The body of ``POST /chat/completions``; ``prompt_token_ids`` is vLLM's own."""

    choices: list[ChatChoice] = Field(min_length=1)
    prompt_token_ids: list[int] | None = None

    def first_logprobs(self) -> dict[int, float]:
        """Log-probs by token id in the first token's place (``return_tokens_as_token_ids``)."""
        tokens = self.choices[0].tokens
        return _by_id({one.token: one.logprob for one in tokens[0].top_logprobs} if tokens else {})


class TextLogprobs(BaseModel):
    """One entry a token written: log-probs by token."""

    top_logprobs: list[dict[str, float]] = []


class TextChoice(BaseModel):
    """One continuation of a text."""

    finish_reason: str | None = None
    logprobs: TextLogprobs | None = None
    prompt_token_ids: list[int] | None = None


class TextReply(BaseModel):
    """The body of ``POST /completions``."""

    choices: list[TextChoice] = Field(min_length=1)

    def first_logprobs(self) -> dict[int, float]:
        """Log-probs by token id in the first token's place (``return_tokens_as_token_ids``)."""
        logprobs = self.choices[0].logprobs
        return _by_id(logprobs.top_logprobs[0] if logprobs and logprobs.top_logprobs else {})


class Models(BaseModel):
    """The body of ``GET /models``: one entry a model, with its ``id``."""

    data: list[dict[str, Any]]


def _by_id(tokens: dict[str, float]) -> dict[int, float]:
    return {
        int(token.removeprefix(_TOKEN_ID)): logprob
        for token, logprob in tokens.items()
        if token.startswith(_TOKEN_ID)
    }
