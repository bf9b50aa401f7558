"""Control tokens that somebody typed are text: only those of the chat template are control tokens.

A tokenizer knows its control tokens (``<|im_end|>``, ``</s>``) by their spelling, so one inside a
message or an answer would end the turn, or begin another's. Messages are therefore marked before
the template is applied, and texts that hold such a spelling are read by a copy of the tokenizer in
which control tokens have other names. A text without one is read by the tokenizer itself.
"""

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from engines.protocol import RowError

MARK = "\ufdd0"
"""Stands after the first character of a control token that is text. Unicode keeps it free for a
program's own use; one that a text brings along is left out where the text is marked."""

_NAME = "\ufdd1"

Span = tuple[int, int]


def marked(tokenizer: Any, text: str) -> str:
    """``text`` with every control token in it marked as text; the same where it has none."""
    return _control(tokenizer).mark(text)


def template_ids(tokenizer: Any, text: str) -> list[int]:
    """The tokens of what a chat template made of marked messages. Raises `RowError`."""
    if MARK not in text:
        return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    return _control(tokenizer).template(text)


def text_ids(tokenizer: Any, text: str) -> list[int]:
    """The tokens of ``text``, none of them a control token. Raises `RowError`."""
    ids = list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    control = _control(tokenizer)
    return ids if control.ids.isdisjoint(ids) else control.text(text)[0]


def text_spans(tokenizer: Any, text: str) -> tuple[list[int], Sequence[Span]]:
    """`text_ids`, and the characters [start, end) that each is made of. Raises `RowError`."""
    read = tokenizer(text, add_special_tokens=False, verbose=False, return_offsets_mapping=True)
    control = _control(tokenizer)
    if control.ids.isdisjoint(read["input_ids"]):
        return list(read["input_ids"]), read["offset_mapping"]
    return control.text(text)


@lru_cache(maxsize=8)
def _control(tokenizer: Any) -> "_Control":
    return _Control(tokenizer)


class _Control:
    """The control tokens of one tokenizer. ``ids``: their numbers, without that of the unknown."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._numbers = {
            str(token): number
            for number, token in tokenizer.added_tokens_decoder.items()
            if token.special
        }
        self.ids = frozenset(self._numbers.values()) - {tokenizer.unk_token_id}
        # Nobody can guess them, so no text holds one.
        self._names = {token: f"{_NAME}{secrets.token_hex(8)}{_NAME}" for token in self._numbers}
        self._lengths = sorted({len(token) for token in self._numbers}, reverse=True)
        firsts = "".join(sorted({re.escape(token[0]) for token in self._numbers}))
        self._first = re.compile(f"[{firsts}]" if firsts else r"(?!)")

    def mark(self, text: str) -> str:
        # A token that begins inside another is marked too: what is left of the other may be it.
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
        renamed, own = self._copy
        read = renamed.encode(text, add_special_tokens=False)
        return [own.get(number, number) for number in read.ids], list(read.offsets)

    def _places(self, text: str) -> Iterator[Span]:
        """Where control tokens are spelled: the longest one from each place, as tokenizers read.

        Some tokenizers have thousands of them, more than a regular expression can try.
        """
        for found in self._first.finditer(text):
            start = found.start()
            for length in self._lengths:
                if text[start : start + length] in self._names:
                    yield start, start + length
                    break

    @cached_property
    def _copy(self) -> tuple[Any, Mapping[int, int]]:
        """The tokenizer with other names for its control tokens, and what their numbers are where
        the copy has others."""
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
    """A vocabulary whose control tokens cannot be made of the text that spells them."""
    other = {token: name for token, name in names.items() if token != kept}
    if isinstance(vocabulary, dict):
        return {other.get(token, token): number for token, number in vocabulary.items()}
    return [[other.get(token, token), score] for token, score in vocabulary]
