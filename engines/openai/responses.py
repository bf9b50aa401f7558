"""The answers of OpenAI-compatible servers, with the fields that the factory reads.

An unreadable extra field (log-probs, token ids, counts) does not make an answer unreadable: the
field is None.
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
    """A token that the model might have generated; ``logprob``: natural log, None if unknown."""

    token: str
    logprob: Annotated[float | None, _Accompanying] = None

    @property
    def known(self) -> bool:
        """Whether its log-prob is a number."""
        return self.logprob is not None and math.isfinite(self.logprob)


class WrittenToken(ListedToken):
    """A generated token, and the most likely tokens at its position."""

    top_logprobs: Annotated[list[ListedToken] | None, _Accompanying] = None


class ChatLogprobs(BaseModel):
    """One entry per token; with the end of the turn if the server counts it."""

    content: list[WrittenToken] | None = None


class Text(BaseModel):
    """An answer's message.

    Attributes:
        content: the text; None if there is none, for example if all tokens are in ``reasoning``.
        reasoning: the thought, if the server separates it (as ``reasoning``,
            ``reasoning_content`` or a part of the content).
        refusal: the reason if the model refuses.
        tool_calls: calls of tools.
    """

    content: str | None = None
    reasoning: str | None = None
    refusal: Annotated[str | None, _Accompanying] = None
    tool_calls: Any = None

    @property
    def called(self) -> list[str]:
        """The names of the called tools, as far as they are given."""
        calls = self.tool_calls if isinstance(self.tool_calls, list) else []
        named = (call.get("function") for call in calls if isinstance(call, Mapping))
        return [str(one["name"]) for one in named if isinstance(one, Mapping) and one.get("name")]

    @model_validator(mode="before")
    @classmethod
    def _thought_apart(cls, message: Any) -> Any:
        if not isinstance(message, Mapping):
            return message
        thoughts = [message.get("reasoning"), message.get("reasoning_content")]
        content = message.get("content")
        if isinstance(content, list):
            thoughts += [_texts(part["thinking"]) for part in content if _thinks(part)]
            content = _texts([part for part in content if not _thinks(part)])
        thought = next((text for text in thoughts if text and isinstance(text, str)), None)
        return {**message, "content": content, "reasoning": thought}


class ChatChoice(BaseModel):
    """One sampled answer. Only vLLM gives ``token_ids`` (``return_token_ids``)."""

    message: Text
    finish_reason: Annotated[str | None, _Accompanying] = None
    logprobs: Annotated[ChatLogprobs | None, _Accompanying] = None
    token_ids: Annotated[list[int] | None, _Accompanying] = None
    error: Any = None

    @property
    def tokens(self) -> list[WrittenToken]:
        """The generated tokens; empty if the server gives no log-probs."""
        return (self.logprobs.content if self.logprobs else None) or []

    @property
    def lists(self) -> bool:
        """Whether the most likely tokens are listed for the first position."""
        return bool(self.tokens and self.tokens[0].top_logprobs)

    @property
    def token_logprobs(self) -> tuple[float, ...]:
        """One log-prob per token; empty if one of them is unknown or the last ones are missing."""
        text, said = self.message.content or "", "".join(token.token for token in self.tokens)
        if text.startswith(said) and text[len(said) :].strip():
            return ()
        known = [
            token.logprob for token in self.tokens if token.logprob is not None and token.known
        ]
        return tuple(known) if len(known) == len(self.tokens) else ()


class ChatReply(BaseModel):
    """The body of ``POST /chat/completions``. Only vLLM gives ``prompt_token_ids``."""

    choices: list[ChatChoice] = Field(min_length=1)
    prompt_token_ids: Annotated[list[int] | None, _Accompanying] = None
    usage: Any = None
    error: Any = None

    @property
    def written(self) -> int | None:
        """The server's count of generated tokens, the thought included; None if it gives none."""
        return _counted(self.usage, "completion_tokens")

    @property
    def read(self) -> int | None:
        """The server's count of the prompt's tokens; None if it gives none."""
        return _counted(self.usage, "prompt_tokens")

    @property
    def failed(self) -> bool:
        """Whether it tells of an error, although HTTP says 200."""
        return bool(self.error or self.choices[0].error)

    def first_logprobs(self) -> dict[int, float]:
        """Log-probs by token id in the first token's place (``return_tokens_as_token_ids``)."""
        tokens = self.choices[0].tokens
        listed = tokens[0].top_logprobs if tokens else None
        return _by_id({token.token: token.logprob for token in listed or []})


class TextLogprobs(BaseModel):
    """One entry per generated token: log-probs by token."""

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
    """The output of a classification model's head: one row of numbers, or one row per token."""

    data: list[float] | list[list[float]] = Field(min_length=1)

    @property
    def rows(self) -> list[list[float]]:
        """The output as rows."""
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
        """The server's count of tokens; 0 if it gives none."""
        return _counted(self.usage, "prompt_tokens") or 0


class ModelList(BaseModel):
    """The body of ``GET /models``: one entry per model, with its ``id``."""

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
    """The text of a message's content or of a thought. It may have several parts."""
    if isinstance(parts, str):
        return parts
    if not isinstance(parts, list):
        return ""
    return "".join(
        str(part.get("text") or "") if isinstance(part, Mapping) else str(part) for part in parts
    )


def _counted(usage: Any, name: str) -> int | None:
    counted = usage.get(name) if isinstance(usage, Mapping) else None
    return counted if isinstance(counted, int) and 0 <= counted < 2**32 else None
