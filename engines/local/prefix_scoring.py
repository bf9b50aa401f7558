"""Scores many continuations at once. Prefixes that they share are computed once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from engines.local.causal_lm import LanguageModel
from kernels.packing import Ints, Row, common, sorting_key

LogProbs = list[list[float]]
"""One list a continuation, one natural-log probability a token."""

_PROMPTS = 4
"""A row is at least this many times as long as its prompt. Where a row is cut there, computing its
prompt again adds at most a third."""
_ALIKE = 0.25
"""The share of an item's tokens that it must have in common with another item to be batched with
it for that reason."""


@dataclass(eq=False, slots=True)
class ScoreRequest:
    """Continuations of one prompt to be scored; ``done`` is called once."""

    prompt: tuple[int, ...]
    continuations: tuple[tuple[int, ...], ...]
    done: Callable[[LogProbs | Exception], None]
    gone: Callable[[], bool] = lambda: False
    left: int = 0
    answer: dict[int, list[float]] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class ScoreBatchItem:
    """The continuations of a request (by index) that are scored in one pass.

    Attributes:
        prompt: Int64[tokens] of the request's prompt.
        key: Sorts items with similar prompts next to each other.
        cells: How many tokens it takes by itself; a prefix that continuations share counts once.
    """

    question: ScoreRequest
    indices: tuple[int, ...]
    row: Row
    prompt: Ints
    key: bytes
    cells: int


class PrefixScorer:
    """Splits requests into items, and scores batches of items.

    ``cells``: the most tokens of one forward pass. An item that is longer has a pass of its own.
    """

    def __init__(self, model: LanguageModel, *, cells: int) -> None:
        self.model = model
        self.cells = cells
        self.tokens_scored = 0

    def parts(self, question: ScoreRequest) -> Iterator[ScoreBatchItem]:
        """The parts of a question. One whose continuations are all empty has none, and is answered
        at once."""
        spoken = [index for index, ids in enumerate(question.continuations) if ids]
        question.left = len(spoken)
        if not spoken:
            question.done([[] for _ in question.continuations])
            return
        prompt = np.array(question.prompt, dtype=np.int64)
        key = sorting_key(prompt)
        longest = max(self.cells, _PROMPTS * len(prompt))
        for indices, cells in _cut(question, spoken, longest):
            row = Row(question.prompt, [question.continuations[index] for index in indices])
            yield ScoreBatchItem(question, indices, row, prompt, key, cells)

    def take(self, waiting: Sequence[ScoreBatchItem]) -> list[ScoreBatchItem]:
        """The next pass: the oldest of ``waiting`` (its first), so that nothing waits longer than
        it takes to serve those before it; those with prompts like its own; then the largest that
        still fit, one after another (best fit, decreasing)."""
        taken = [waiting[0]]
        room = self.cells - waiting[0].cells
        for part, shared in _alike(waiting):
            if part.cells - shared <= room:
                taken.append(part)
                room -= part.cells - shared
        known = set(map(id, taken))
        for part in sorted(waiting, key=lambda part: part.cells, reverse=True):
            if part.cells <= room and id(part) not in known:
                taken.append(part)
                room -= part.cells
        return taken

    def run(self, parts: Sequence[ScoreBatchItem]) -> None:
        """One forward pass; questions whose last part this was are answered."""
        scored = self.model.packed_logprobs([part.row for part in parts])
        for part, values in zip(parts, scored, strict=True):
            question = part.question
            question.answer.update(zip(part.indices, values, strict=True))
            question.left -= len(values)
            self.tokens_scored += sum(map(len, values))
            if not question.left:
                found = question.answer
                question.done([found.get(n, []) for n in range(len(question.continuations))])


def _alike(waiting: Sequence[ScoreBatchItem]) -> Iterator[tuple[ScoreBatchItem, int]]:
    """Parts that begin as the first of ``waiting`` does, likest first on either side of it in
    sorted order; and how many cells each has in common with the one before it there."""
    ordered = sorted(waiting, key=lambda part: part.key)
    middle = next(at for at, part in enumerate(ordered) if part is waiting[0])
    for side in (range(middle + 1, len(ordered)), range(middle - 1, -1, -1)):
        before, shared = waiting[0], len(waiting[0].prompt)
        for at in side:
            shared = min(shared, common(before.prompt, ordered[at].prompt))
            before = ordered[at]
            if shared < _ALIKE * before.cells:
                break
            yield before, shared


def _cut(
    question: ScoreRequest, spoken: Sequence[int], longest: int
) -> Iterator[tuple[tuple[int, ...], int]]:
    """``spoken`` continuations in groups of at most ``longest`` cells (one may be longer alone),
    those that begin alike together; and the cells of each."""
    texts = {n: np.array(question.continuations[n][:-1], dtype=np.int64) for n in spoken}
    group: list[int] = []
    cells = 0
    for index in sorted(spoken, key=lambda n: sorting_key(texts[n])):
        text = texts[index]
        shared = common(texts[group[-1]], text) if group else 0
        if group and cells + len(text) - shared > longest:
            yield tuple(group), cells
            group, shared = [], 0
        cells = (cells if group else len(question.prompt)) + len(text) - shared
        group.append(index)
    yield tuple(group), cells
