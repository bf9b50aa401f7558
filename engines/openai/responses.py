"""What OpenAI-compatible servers answer, as far as the factory reads it.

What only accompanies an answer (log-probs, token ids, counts) never makes it unreadable: where it
is not as promised, this one answer has none.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import BaseModel, Field, ValidationError, WrapValidator, model_validator
from pydantic import ValidatorFunctionWrapHandler as Read

_TOKEN_ID = "token_id:"


def _or_none(given: Any, read: Read) -> Any:
    try:
        return read(given)
    except ValidationError:
        return None


_Accompanying = WrapValidator(_or_none)


class ListedToken(BaseModel):
    """A token that the model might have written; ``logprob``: natural log, None if unknown."""

    token: str
    logprob: Annotated[float | None, _Accompanying] = None

    @property
    def known(self) -> bool:
        """Whether its log-prob is a number."""
        return self.logprob is not None and math.isfinite(self.logprob)


class WrittenToken(ListedToken):
    """A token that it wrote, and others in its place."""

    top_logprobs: Annotated[list[ListedToken] | None, _Accompanying] = None


class ChatLogprobs(BaseModel):
    """One entry a token, the turn's end included where the server counts it."""

    content: list[WrittenToken] | None = None


class Text(BaseModel):
    """``content`` is None where nothing was written, as when all tokens went into ``reasoning``:
    the thought, where the server tells it apart (as ``reasoning``, ``reasoning_content`` or a part
    of the content)."""

    content: str | None = None
    reasoning: str | None = None
    refusal: Annotated[str | None, _Accompanying] = None
    tool_calls: Any = None

    @model_validator(mode="before")
    @classmethod
    def _thought_apart(cls, message: Any) -> Any:
        if not isinstance(message, Mapping):
            return message
        told = [message.get("reasoning"), message.get("reasoning_content")]
        content = message.get("content")
        if isinstance(content, list):
            told += [_texts(part["thinking"]) for part in content if _thinks(part)]
            content = _texts([part for part in content if not _thinks(part)])
        thought = next((one for one in told if one and isinstance(one, str)), None)
        return {**message, "content": content, "reasoning": thought}


class ChatChoice(BaseModel):
    """One sampled answer. ``token_ids`` is vLLM's own (``return_token_ids``)."""

    message: Text
    finish_reason: Annotated[str | None, _Accompanying] = None
    logprobs: Annotated[ChatLogprobs | None, _Accompanying] = None
    token_ids: Annotated[list[int] | None, _Accompanying] = None
    error: Any = None

    @property
    def tokens(self) -> list[WrittenToken]:
        """The tokens written; empty where the server gives no log-probs."""
        return (self.logprobs.content if self.logprobs else None) or []

    @property
    def lists(self) -> bool:
        """Whether the likeliest tokens are listed in the place of the first."""
        return bool(self.tokens and self.tokens[0].top_logprobs)

    @property
    def token_logprobs(self) -> tuple[float, ...]:
        """One log-prob a token; empty where one of them is not known."""
        known = [one.logprob for one in self.tokens if one.logprob is not None and one.known]
        return tuple(known) if len(known) == len(self.tokens) else ()


class ChatReply(BaseModel):
    """The body of ``POST /chat/completions``; ``prompt_token_ids`` is vLLM's own."""

    choices: list[ChatChoice] = Field(min_length=1)
    prompt_token_ids: Annotated[list[int] | None, _Accompanying] = None
    usage: Any = None
    error: Any = None

    @property
    def written(self) -> int | None:
        """How many tokens the server counted, those of the thought included; None if it does not
        say."""
        usage = self.usage if isinstance(self.usage, Mapping) else {}
        counted = usage.get("completion_tokens")
        return counted if isinstance(counted, int) and 0 <= counted < 2**32 else None

    @property
    def failed(self) -> bool:
        """Whether it tells of an error, although HTTP says 200."""
        return bool(self.error or self.choices[0].error)

    def first_logprobs(self) -> dict[int, float]:
        """Log-probs by token id in the first token's place (``return_tokens_as_token_ids``)."""
        tokens = self.choices[0].tokens
        listed = tokens[0].top_logprobs if tokens else None
        return _by_id({one.token: one.logprob for one in listed or []})


class TextLogprobs(BaseModel):
    """One entry a token written: log-probs by token."""

    top_logprobs: list[dict[str, float | None]] | None = None


class TextChoice(BaseModel):
    """One continuation of a text."""

    finish_reason: Annotated[str | None, _Accompanying] = None
    logprobs: Annotated[TextLogprobs | None, _Accompanying] = None
    prompt_token_ids: Annotated[list[int] | None, _Accompanying] = None
    error: Any = None


class TextReply(BaseModel):
    """The body of ``POST /completions``."""

    choices: list[TextChoice] = Field(min_length=1)
    error: Any = None

    @property
    def failed(self) -> bool:
        """Whether it tells of an error, although HTTP says 200."""
        return bool(self.error or self.choices[0].error)

    def first_logprobs(self) -> dict[int, float]:
        """Log-probs by token id in the first token's place (``return_tokens_as_token_ids``)."""
        logprobs = self.choices[0].logprobs
        return _by_id(logprobs.top_logprobs[0] if logprobs and logprobs.top_logprobs else {})


class Pooled(BaseModel):
    """What the head of a classification model gives: one row of numbers, or one row a token."""

    data: list[float] | list[list[float]] = Field(min_length=1)

    @property
    def rows(self) -> list[list[float]]:
        """As rows."""
        first = self.data[0]
        return cast("list[list[float]]", self.data if isinstance(first, list) else [self.data])


class PoolingReply(BaseModel):
    """The body of vLLM's ``POST /pooling``."""

    data: list[Pooled] = Field(min_length=1)
    usage: Any = None
    error: Any = None

    @property
    def failed(self) -> bool:
        """Whether it tells of an error, although HTTP says 200."""
        return bool(self.error)

    @property
    def read(self) -> int:
        """How many tokens the server counted; 0 if it does not say."""
        usage = self.usage if isinstance(self.usage, Mapping) else {}
        counted = usage.get("prompt_tokens")
        return counted if isinstance(counted, int) and 0 <= counted < 2**32 else 0


class ModelList(BaseModel):
    """The body of ``GET /models``: one entry a model, with its ``id``."""

    data: list[dict[str, Any]]


def _by_id(tokens: Mapping[str, float | None]) -> dict[int, float]:
    return {
        int(token.removeprefix(_TOKEN_ID)): logprob
        for token, logprob in tokens.items()
        if token.startswith(_TOKEN_ID) and logprob is not None and not math.isnan(logprob)
    }


def _thinks(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "thinking" and "thinking" in part


def _texts(parts: Any) -> str:
    """The text of a message's content, or of a thought, which may come in parts."""
    if isinstance(parts, str):
        return parts
    if not isinstance(parts, list):
        return ""
    return "".join(
        str(part.get("text") or "") if isinstance(part, Mapping) else str(part) for part in parts
    )
