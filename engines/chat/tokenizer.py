"""The tokens of a text and where each ends: texts are cut into steps only between tokens."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from os.path import expanduser
from pathlib import Path
from typing import Any

from engines.bindings import Binding
from engines.chat.control_tokens import text_spans
from engines.protocol import EngineError


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text. ``ends``: where each token ends, in characters, in rising order. Tokens
    that share a character all end after it."""

    ids: tuple[int, ...]
    ends: tuple[int, ...]


class Tokenizing:
    """A model's tokenizer, for cutting texts."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @cached_property
    def digest(self) -> str:
        """What identifies the tokenizer: a hash of its description."""
        return sha256(self._tokenizer.backend_tokenizer.to_str().encode()).hexdigest()[:16]

    def tokens(self, text: str) -> Tokens:
        """The tokens of ``text``."""
        ids, spans = text_spans(self._tokenizer, text)
        return Tokens(tuple(ids), tuple(end for _, end in spans))

    def cuts(self, text: str, places: list[int]) -> list[tuple[int, int]]:
        """Where ``text`` can be cut, for each of ``places``.

        A cut is allowed where the text before it, tokenised alone, has the same tokens as it has
        at the beginning of the full text. Where it is not allowed, it moves forward to the
        next place where it is; if words would be passed and a place is allowed in the white space
        before it, it moves back to that. Tokenizers such as GPT-2's read a blank line as one token
        at the end of a text and as two before a word.
        Cuts at the same place are one cut; a cut at either end of the text is left out.

        Args:
            text: the text to cut.
            places: places in characters, in rising order.

        Returns:
            For each cut, the numbers of characters and of tokens before it. The last is the full
            text.
        """
        tokens = self.tokens(text)
        kept: list[tuple[int, int]] = []
        for place in places:
            after = kept[-1][0] if kept else 0
            cut = self._cut(text, tokens, max(place, after))
            before = len(text[:place].rstrip())
            if cut is not None and after < before and text[place : cut[0]].strip():
                earlier = self._cut(text, tokens, before)
                cut = earlier if earlier is not None and earlier[0] <= place else cut
            if cut is not None and after < cut[0] < len(text):
                kept.append(cut)
        return [*kept, (len(text), len(tokens.ids))]

    def _cut(self, text: str, tokens: Tokens, place: int) -> tuple[int, int] | None:
        for count, end in enumerate(tokens.ends, start=1):
            if end < place or (count < len(tokens.ends) and tokens.ends[count] == end):
                continue
            if self.tokens(text[:end]).ids == tokens.ids[:count]:
                return end, count
        return None


def tokens_until(tokenizer: Any, text: str, places: Sequence[int]) -> tuple[list[int], list[int]]:
    """The token ids of ``text``, and how many of its tokens begin before each of ``places``
    (characters).

    The text is tokenised once. A token that begins before a place counts, even if it ends after it.

    Raises:
        RowError: the text is not valid Unicode.
    """
    from engines.chat.template import token_spans

    ids, offsets = token_spans(tokenizer, text)
    starts = [start for start, _ in offsets]
    return ids, [bisect_left(starts, place) for place in places]


def tokenizing(binding: Binding) -> Tokenizing:
    """The tokenizer of the binding's weights.

    Raises:
        EngineError: the binding has no weights, or their tokenizer gives no character offsets.
    """
    from engines.weights import model_folder

    if binding.model is None:
        raise EngineError(
            f"{binding.served_as} is bound to a server without weights, and steps are cut between "
            "tokens: give the role a 'model' (a folder or a Hub id), whose tokenizer is read"
        )
    return _loaded(model_folder(binding))


def described(binding: Binding) -> str | None:
    """What identifies the tokenizer of the binding's weights, read from its file alone; None if
    that is not known without a download. Not the digest of `Tokenizing`."""
    from engines.weights import is_hub_id

    if binding.model is None:
        return None
    if not is_hub_id(binding):
        file = Path(expanduser(binding.model)) / "tokenizer.json"
        return _described(file) if file.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(binding.model, "tokenizer.json", revision=binding.revision)
    return _described(Path(cached)) if isinstance(cached, str) else None


@lru_cache(maxsize=8)
def _described(file: Path) -> str:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    # How batches are made is not how a text is split.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return sha256(tokenizer.to_str().encode()).hexdigest()


@lru_cache(maxsize=8)
def _loaded(folder: Path) -> Tokenizing:
    from engines.weights import tokenizer_of

    tokenizer = tokenizer_of(folder, name=str(folder))
    if not tokenizer.is_fast:
        raise EngineError(
            f"{folder}: a slow tokenizer gives no character offsets of its tokens; save it with "
            "tokenizer.json"
        )
    return Tokenizing(tokenizer)
