"""Control tokens inside messages are read as text; only the chat template may write real ones.

A tokenizer finds its control tokens (``<|im_end|>``, ``</s>``) by their spelling. One inside a
message or an answer would end the turn, or begin another. So messages are marked before the
template is applied. A text with such a spelling is tokenised by a copy of the tokenizer whose
control tokens have other names. A text without one is tokenised as usual.
"""

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from engines.protocol import RowError

MARK = "\ufdd0"
"""Follows the first character of a control token that is text. Unicode reserves this character for
use inside programs. If a text already has one, it is left out before the text is tokenised."""

_NAME = "\ufdd1"

Span = tuple[int, int]


def marked(tokenizer: Any, text: str) -> str:
    """``text`` with every control token in it marked as text."""
    return _control(tokenizer).mark(text)


def template_ids(tokenizer: Any, text: str) -> list[int]:
    """The token ids of a chat template's output for marked messages. Raises `RowError`."""
    if MARK not in text:
        return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    return _control(tokenizer).template(text)


def text_ids(tokenizer: Any, text: str) -> list[int]:
    """The token ids of ``text``, without control tokens. Raises `RowError`."""
    ids = list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    control = _control(tokenizer)
    return ids if control.ids.isdisjoint(ids) else control.text(text)[0]


def text_spans(tokenizer: Any, text: str) -> tuple[list[int], Sequence[Span]]:
    """`text_ids`, and each token's characters as [start, end). Raises `RowError`."""
    encoded = tokenizer(text, add_special_tokens=False, verbose=False, return_offsets_mapping=True)
    control = _control(tokenizer)
    if control.ids.isdisjoint(encoded["input_ids"]):
        return list(encoded["input_ids"]), encoded["offset_mapping"]
    return control.text(text)


@lru_cache(maxsize=8)
def _control(tokenizer: Any) -> "_Control":
    return _Control(tokenizer)


class _Control:
    """The control tokens of one tokenizer. ``ids``: their ids, without the unknown token's."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._numbers = {
            str(token): number
            for number, token in tokenizer.added_tokens_decoder.items()
            if token.special
        }
        self.ids = frozenset(self._numbers.values()) - {tokenizer.unk_token_id}
        # Random names, so no text can contain one.
        self._names = {token: f"{_NAME}{secrets.token_hex(8)}{_NAME}" for token in self._numbers}
        self._lengths = sorted({len(token) for token in self._numbers}, reverse=True)
        firsts = "".join(sorted({re.escape(token[0]) for token in self._numbers}))
        self._first = re.compile(f"[{firsts}]" if firsts else r"(?!)")

    def mark(self, text: str) -> str:
        # Marks a token that begins inside another one too: marking the outer leaves the inner.
        cuts = [start + 1 for start, _ in self._places(text)]
        ends = zip([0, *cuts], [*cuts, len(text)], strict=True)
        return MARK.join(text[start:end] for start, end in ends)

    def template(self, text: str) -> list[int]:
        pieces, after = list[str](), 0
        for start, end in self._places(text):
            if start >= after:
                pieces += [text[after:start].replace(MARK, ""), self._names[text[start:end]]]
                after = end
        return self.text("".join([*pieces, text[after:].replace(MARK, "")]))[0]

    def text(self, text: str) -> tuple[list[int], list[Span]]:
        renamed, original_ids = self._copy
        encoded = renamed.encode(text, add_special_tokens=False)
        return [original_ids.get(number, number) for number in encoded.ids], list(encoded.offsets)

    def _places(self, text: str) -> Iterator[Span]:
        """The spans of control tokens: the longest one at each position, as tokenizers do.

        Some tokenizers have thousands of control tokens, too many for one regular expression.
        """
        for match in self._first.finditer(text):
            start = match.start()
            for length in self._lengths:
                if text[start : start + length] in self._names:
                    yield start, start + length
                    break

    @cached_property
    def _copy(self) -> tuple[Any, Mapping[int, int]]:
        """A copy of the tokenizer with other names for its control tokens, and a mapping from its
        ids of control tokens to the original ids."""
        from tokenizers import Tokenizer

        if not self._tokenizer.is_fast:
            raise RowError(
                "this text holds control tokens, and a slow tokenizer cannot read them as text: "
                "save it with tokenizer.json"
            )
        spec = json.loads(self._tokenizer.backend_tokenizer.to_str())
        for token in spec["added_tokens"]:
            if token["content"] in self._names:
                token |= {"content": self._names[token["content"]], "normalized": False}
        spec |= {"post_processor": None, "truncation": None, "padding": None}
        model = spec["model"]
        model["vocab"] = _renamed(model["vocab"], self._names, kept=model.get("unk_token"))
        renamed = Tokenizer.from_str(json.dumps(spec))
        return renamed, {
            renamed.encode(name, add_special_tokens=False).ids[0]: self._numbers[token]
            for token, name in self._names.items()
        }


def _renamed(vocabulary: Any, names: Mapping[str, str], *, kept: str | None) -> Any:
    """A vocabulary without the spellings of control tokens: they have other names in it."""
    other = {token: name for token, name in names.items() if token != kept}
    if isinstance(vocabulary, dict):
        return {other.get(token, token): number for token, number in vocabulary.items()}
    return [[other.get(token, token), score] for token, score in vocabulary]
