"""Score many continuations at once: rows of like length, each prompt once a row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from engines.language_model import LanguageModel
from kernels.packing import Row, share

LogProbs = list[list[float]]
"""One list a continuation, one natural-log probability a token."""


@dataclass(eq=False, slots=True)
class Question:
    """Continuations of one prompt to be scored; ``done`` is called once."""

    prompt: tuple[int, ...]
    continuations: tuple[tuple[int, ...], ...]
    done: Callable[[LogProbs | Exception], None]
    gone: Callable[[], bool] = lambda: False
    left: int = 0
    answer: dict[int, list[float]] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Part:
    """The continuations of a question (by index) that share one packed row."""

    question: Question
    indices: tuple[int, ...]
    row: Row


class Scorer:
    """Cuts questions into packed rows and scores batches of them.

    ``cells``: most cells (tokens and padding) of one forward pass.
    """

    def __init__(self, model: LanguageModel, *, cells: int) -> None:
        self.model = model
        self.cells = cells
        self.tokens_scored = 0
        self._linear, self._quadratic = model.costs()

    def parts(self, question: Question) -> Iterator[Part]:
        """The packed rows of a question. One whose continuations are all empty has none, and is
        answered at once."""
        spoken = [index for index, ids in enumerate(question.continuations) if ids]
        question.left = len(spoken)
        if not spoken:
            question.done([[] for _ in question.continuations])
            return
        for group in share(
            len(question.prompt),
            [len(question.continuations[index]) for index in spoken],
            linear=self._linear,
            quadratic=self._quadratic,
            longest=self.cells,
        ):
            indices = tuple(spoken[number] for number in group)
            row = Row(question.prompt, [question.continuations[index] for index in indices])
            yield Part(question, indices, row)

    def fits(self, part: Part, others: Sequence[Part]) -> bool:
        """Whether ``part`` can join ``others`` in one forward pass."""
        longest = max([part.row.cells, *(other.row.cells for other in others)])
        return not others or (len(others) + 1) * longest <= self.cells

    def run(self, parts: Sequence[Part]) -> None:
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
