"""Scores many continuations at once. Shared prefixes are computed once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from engines.local.causal_lm import LanguageModel
from kernels.packing import Ints, Row, common, sorting_key

LogProbs = list[list[float]]
"""One list per continuation, one natural-log probability per token."""

_PROMPTS = 4
"""A request is split only into rows that are at least this many times as long as its prompt. Then
computing the prompt again adds at most a third."""
_ALIKE = 0.25
"""Items are batched for a shared prefix only if it is at least this share of their tokens."""


@dataclass(eq=False, slots=True)
class ScoreRequest:
    """Continuations of one prompt to score.

    Attributes:
        prompt: token ids.
        continuations: token ids of each.
        done: called once, with the log-probs or with an error.
        cancelled: whether nobody waits for it any more.
        left: the continuations that are not scored yet.
        answer: log-probs by the index of the continuation.
    """

    prompt: tuple[int, ...]
    continuations: tuple[tuple[int, ...], ...]
    done: Callable[[LogProbs | Exception], None]
    cancelled: Callable[[], bool] = lambda: False
    left: int = 0
    answer: dict[int, list[float]] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class ScoreBatchItem:
    """The continuations of a request (by index) that are scored in one pass.

    Attributes:
        prompt: Int64[tokens] of the request's prompt.
        key: Sorts items with similar prompts next to each other.
        cells: Its tokens. A prefix that continuations share counts once.
    """

    request: ScoreRequest
    indices: tuple[int, ...]
    row: Row
    prompt: Ints
    key: bytes
    cells: int


class PrefixScorer:
    """Splits requests into items, and scores batches of items.

    ``cells``: the most tokens of one forward pass. A longer item has its own pass.
    """

    def __init__(self, model: LanguageModel, *, cells: int) -> None:
        self.model = model
        self.cells = cells
        self.tokens_scored = 0

    def items(self, request: ScoreRequest) -> Iterator[ScoreBatchItem]:
        """Split a request into items. A request with only empty continuations has no items and is
        answered at once."""
        nonempty = [index for index, ids in enumerate(request.continuations) if ids]
        request.left = len(nonempty)
        if not nonempty:
            request.done([[] for _ in request.continuations])
            return
        prompt = np.array(request.prompt, dtype=np.int64)
        key = sorting_key(prompt)
        longest = max(self.cells, _PROMPTS * len(prompt))
        for indices, cells in _cut(request, nonempty, longest):
            row = Row(request.prompt, [request.continuations[index] for index in indices])
            yield ScoreBatchItem(request, indices, row, prompt, key, cells)

    def take(self, waiting: Sequence[ScoreBatchItem]) -> list[ScoreBatchItem]:
        """The items of the next forward pass.

        First the oldest item (``waiting[0]``), so that no item waits forever. Then items with
        similar prompts. Then the largest items that still fit (best fit, decreasing).
        """
        taken = [waiting[0]]
        room = self.cells - waiting[0].cells
        for item, shared in _alike(waiting):
            if item.cells - shared <= room:
                taken.append(item)
                room -= item.cells - shared
        known = set(map(id, taken))
        for item in sorted(waiting, key=lambda item: item.cells, reverse=True):
            if item.cells <= room and id(item) not in known:
                taken.append(item)
                room -= item.cells
        return taken

    def run(self, items: Sequence[ScoreBatchItem]) -> None:
        """One forward pass. Answers the requests that are then complete."""
        scored = self.model.packed_logprobs([item.row for item in items])
        for item, values in zip(items, scored, strict=True):
            request = item.request
            request.answer.update(zip(item.indices, values, strict=True))
            request.left -= len(values)
            self.tokens_scored += sum(map(len, values))
            if not request.left:
                answer = request.answer
                request.done([answer.get(n, []) for n in range(len(request.continuations))])


def _alike(waiting: Sequence[ScoreBatchItem]) -> Iterator[tuple[ScoreBatchItem, int]]:
    """Items with prompts similar to that of ``waiting[0]``, the most similar first on each side of
    it in sorted order. With each, the number of cells that it shares with the item before it."""
    ordered = sorted(waiting, key=lambda item: item.key)
    middle = next(at for at, item in enumerate(ordered) if item is waiting[0])
    for side in (range(middle + 1, len(ordered)), range(middle - 1, -1, -1)):
        before, shared = waiting[0], len(waiting[0].prompt)
        for at in side:
            shared = min(shared, common(before.prompt, ordered[at].prompt))
            before = ordered[at]
            if shared < _ALIKE * before.cells:
                break
            yield before, shared


def _cut(
    request: ScoreRequest, nonempty: Sequence[int], longest: int
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Groups of the continuations ``nonempty``, and the cells of each group.

    A group has at most ``longest`` cells, or only one continuation. Continuations with the same
    beginning are grouped together.
    """
    texts = {n: np.array(request.continuations[n][:-1], dtype=np.int64) for n in nonempty}
    group: list[int] = []
    cells = 0
    for index in sorted(nonempty, key=lambda n: sorting_key(texts[n])):
        text = texts[index]
        shared = common(texts[group[-1]], text) if group else 0
        if group and cells + len(text) - shared > longest:
            yield tuple(group), cells
            group, shared = [], 0
        cells = (cells if group else len(request.prompt)) + len(text) - shared
        group.append(index)
    yield tuple(group), cells
