"""Which tokens a text is made of, and where each ends: what a cut between steps must respect."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engines.bindings import Binding
from engines.chat.control_tokens import text_spans
from engines.protocol import EngineError


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text by itself. ``ends``: after how many characters each token ends, never
    falling; of the tokens that share a character, all end after it."""

    ids: tuple[int, ...]
    ends: tuple[int, ...]


class Tokenizing:
    """A model's tokenizer, as far as cutting needs it."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def tokens(self, text: str) -> Tokens:
        """The tokens of ``text``."""
        ids, spans = text_spans(self._tokenizer, text)
        return Tokens(tuple(ids), tuple(end for _, end in spans))

    def cuts(self, text: str, wanted: list[int]) -> list[tuple[int, int]]:
        """Where ``text`` can be cut nearest after each of ``wanted`` (characters, rising), as
        (characters, tokens) before the cut; the last is the whole text.

        A cut is moved on to where the text before it, by itself, has just the tokens that it has
        as the beginning of the whole. Those moved onto each other, or to either end, are one.
        """
        whole = self.tokens(text)
        kept: list[tuple[int, int]] = []
        for place in wanted:
            after = kept[-1][0] if kept else 0
            found = self._cut(text, whole, max(place, after))
            if found is not None and after < found[0] < len(text):
                kept.append(found)
        return [*kept, (len(text), len(whole.ids))]

    def _cut(self, text: str, whole: Tokens, place: int) -> tuple[int, int] | None:
        for count, end in enumerate(whole.ends, start=1):
            if end < place or (count < len(whole.ends) and whole.ends[count] == end):
                continue
            if self.tokens(text[:end]).ids == whole.ids[:count]:
                return end, count
        return None


def tokens_until(tokenizer: Any, text: str, places: Sequence[int]) -> tuple[list[int], list[int]]:
    """The ids of ``text``, and how many of its tokens begin before each of ``places``
    (characters): what a model has read where a step ends there.

    The text is tokenised once, as a whole. A token that lies across a place counts as before it.
    Raises `RowError` if the text is no Unicode text.
    """
    from engines.chat.template import token_spans

    ids, offsets = token_spans(tokenizer, text)
    starts = [start for start, _ in offsets]
    return ids, [bisect_left(starts, place) for place in places]


def tokenizing(binding: Binding) -> Tokenizing:
    """The tokenizer of the weights that ``binding`` names. Raises `EngineError` if it names none,
    or their tokenizer cannot tell where its tokens lie in a text."""
    from engines.weights import model_folder

    if binding.model is None:
        raise EngineError(
            f"{binding.served_as} is bound to a server without weights, and steps are cut between "
            "tokens: give the role a 'model' (a folder or a Hub id), whose tokenizer is read"
        )
    return _loaded(model_folder(binding))


@lru_cache(maxsize=8)
def _loaded(folder: Path) -> Tokenizing:
    from engines.weights import tokenizer_of

    tokenizer = tokenizer_of(folder, name=str(folder))
    if not tokenizer.is_fast:
        raise EngineError(
            f"{folder}: a slow tokenizer does not say where its tokens lie in a text; save it with "
            "tokenizer.json"
        )
    return Tokenizing(tokenizer)
