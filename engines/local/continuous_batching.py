"""Generates many texts at once: rows join and leave the running batch at any step.

Each row has a slot of the cache (`engines.local.kv_cache`) for its new tokens. Rows of one prompt
share the prompt's cache. Waiting rows take free slots at the end.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from engines.local.causal_lm import LanguageModel
from engines.local.cpu_threads import WIDE, limit_threads
from engines.local.kv_cache import Slots
from engines.local.sampler import Sampler
from engines.protocol import Generation, RowError, Sampling
from kernels.noise import uniforms
from kernels.packing import Row, common, sorting_key

_NOISE = 128
"""Uniform numbers drawn at once for a row."""


@dataclass(eq=False, slots=True)
class RunningSequence:
    """One text that is being generated.

    Attributes:
        prompt: token ids.
        sampling: how tokens are sampled.
        limit: the most tokens that it may have.
        seed: the seed of its noise.
        done: called once, with the text or with an error.
        cancelled: whether nobody waits for it any more.
        ids: the tokens so far.
        logprobs: their log-probs.
        noise: uniform numbers, one per token.
    """

    prompt: tuple[int, ...]
    sampling: Sampling
    limit: int
    seed: int
    done: Callable[[Generation | Exception], None]
    cancelled: Callable[[], bool] = lambda: False
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    noise: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @property
    def longest(self) -> int:
        """The most positions that it can need."""
        return len(self.prompt) + self.limit

    def uniform(self) -> float:
        """The uniform number of the next token."""
        step = len(self.ids)
        if step >= len(self.noise):
            more = uniforms(self.seed, start=step, count=min(_NOISE, self.limit - step))
            self.noise = np.concatenate([self.noise, more])
        return float(self.noise[step])


class Decoder:
    """The running batch.

    Args:
        model: the language model.
        rows: the most sequences at once.
        budget: the most positions reserved for them together (sequences x the longest one).
        prefill: the most tokens of prompts in one forward pass.
    """

    def __init__(self, model: LanguageModel, *, rows: int, budget: int, prefill: int) -> None:
        self.model = model
        self.rows = rows
        self.budget = budget
        self.prefill = prefill
        self.running: list[RunningSequence] = []
        self.tokens_written = 0
        self._longest = 0  # Of the running sequences.
        # Two threads decode a narrow model a little faster on idle cores, but several times slower
        # if another process computes too.
        self._narrow = model.device.type == "cpu" and model.config.hidden_size < WIDE
        self._sampler = Sampler(model.device, tokens=model.tokens)
        self._slots = self._empty()

    def fits(self, sequence: RunningSequence, others: Sequence[RunningSequence]) -> bool:
        """Whether there is room for ``sequence`` together with ``others`` and the running batch."""
        rows = len(self.running) + len(others)
        if not 0 < rows < self.rows:
            return not rows
        longest = max(self._longest, sequence.longest, *(other.longest for other in others))
        return (rows + 1) * longest <= self.budget

    @torch.inference_mode()
    def admit(self, sequences: Sequence[RunningSequence]) -> None:
        """Compute the prompts, each distinct prompt once, and sample the first tokens."""
        by_prompt: dict[tuple[int, ...], list[RunningSequence]] = {}
        for sequence in sequences:
            by_prompt.setdefault(sequence.prompt, []).append(sequence)
        for part in self._parts(list(by_prompt)):
            self._read(part, [by_prompt[prompt] for prompt in part])

    def _parts(self, prompts: Sequence[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
        """Prompts that are computed together, those with the same beginning next to each other."""
        texts = {prompt: np.array(prompt, dtype=np.int64) for prompt in prompts}
        part: list[tuple[int, ...]] = []
        cells = 0
        for prompt in sorted(prompts, key=lambda prompt: sorting_key(texts[prompt])):
            shared = common(texts[part[-1]], texts[prompt]) if part else 0
            if part and cells + len(prompt) - shared > self.prefill:
                yield part
                part, cells, shared = [], 0, 0
            part.append(prompt)
            cells += len(prompt) - shared
        yield part

    @torch.inference_mode()
    def step(self) -> None:
        """Generate one token of every running sequence."""
        with limit_threads(1) if self._narrow else nullcontext():
            self._step()

    def _step(self) -> None:
        tokens = torch.tensor([sequence.ids[-1] for sequence in self.running])
        begun = torch.tensor([len(sequence.prompt) for sequence in self.running])
        # The newest token has no keys yet: they go to the next free cell.
        written = torch.tensor([len(sequence.ids) - 1 for sequence in self.running])
        slots, device = self._slots, self.model.device
        tokens, begun, written = tokens.to(device), begun.to(device), written.to(device)
        slots.at = (torch.arange(len(self.running), device=device), written)
        cells = torch.arange(max(slots.seen, slots.stem_seen), device=device)
        seen = torch.cat(
            [cells[: slots.stem_seen] < begun[:, None], cells[: slots.seen] <= written[:, None]],
            dim=1,
        )
        hidden = self.model.newest(tokens, begun + written, seen, slots)
        self._settle(set(self._write(self.running, hidden)))

    def fail(self, error: Exception) -> None:
        """Fail all running sequences with ``error``, and empty the cache."""
        running, self.running, self._longest = self.running, [], 0
        self._slots = self._empty()
        for sequence in running:
            sequence.done(error)

    def _empty(self) -> Slots:
        return Slots(layers=self.model.config.num_hidden_layers)

    def _read(
        self, prompts: Sequence[tuple[int, ...]], sequences: Sequence[list[RunningSequence]]
    ) -> None:
        hidden, filled, paths = self.model.read(prompts)
        sources = [number for number, group in enumerate(sequences) for _ in group]
        fresh = [sequence for group in sequences for sequence in group]
        finished = set(self._write(fresh, hidden[torch.tensor(sources, device=hidden.device)]))
        kept = [number for number in range(len(fresh)) if number not in finished]
        if kept:
            going = Counter(sources[number] for number in kept)
            counts = [going[number] for number in range(len(prompts))]
            self._slots.fill(filled, paths, counts)
            self.running += [fresh[number] for number in kept]
            self._settle(set())

    def _settle(self, finished: set[int]) -> None:
        """Prepare the next step without the ``finished`` rows."""
        going = [row for row in range(len(self.running)) if row not in finished]
        order = self._slots.settle(going, [len(self.running[row].ids) for row in going])
        self.running = [self.running[row] for row in order]
        self._longest = max((sequence.longest for sequence in self.running), default=0)

    def _write(self, sequences: Sequence[RunningSequence], hidden: torch.Tensor) -> list[int]:
        """Sample a token for each sequence. Returns the indices of those that ended, in order."""
        logits = self.model.logits(hidden)
        noise = [sequence.uniform() for sequence in sequences]
        tokens, logprobs = self._sampler.draw(logits, [d.sampling for d in sequences], noise)
        self.tokens_written += len(sequences)
        ends, finished = self.model.end_ids, []
        for number, (sequence, token, logprob) in enumerate(
            zip(sequences, tokens, logprobs, strict=True)
        ):
            sequence.ids.append(token)
            sequence.logprobs.append(logprob)
            if logprob != logprob:
                sequence.done(RowError("the model's output is not a number (nan) for this prompt"))
            elif token in ends:
                self._end(sequence, self._text(sequence.ids[:-1]), "stop")
            elif sequence.sampling.stop and (text := self._stopped(sequence)) is not None:
                self._end(sequence, text, "stop")
            elif len(sequence.ids) >= sequence.limit:
                self._end(sequence, self._text(sequence.ids), "length")
            elif not sequence.cancelled():
                continue
            finished.append(number)
        return finished

    def _end(self, sequence: RunningSequence, text: str, finish: Any) -> None:
        sequence.done(Generation(text, tuple(sequence.ids), tuple(sequence.logprobs), finish))

    def _text(self, ids: Sequence[int]) -> str:
        return str(
            self.model.tokenizer.decode(
                list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def _stopped(self, sequence: RunningSequence) -> str | None:
        """The text before the first stop string, or None if there is none yet."""
        newest = self._text(sequence.ids[-1:])
        stops = [stop for stop in sequence.sampling.stop if stop]
        # Decoding the full text at each step is slow, and most tokens cannot complete a stop
        # string. A token that is part of a character decodes to the replacement character and may
        # complete one.
        if not any(stop[-1] in newest or "�" in newest for stop in stops):
            return None
        text = self._text(sequence.ids)
        places = [at for stop in stops if (at := text.find(stop)) >= 0]
        return text[: min(places)] if places else None


def check_decoding(model: LanguageModel, decoder: Decoder) -> None:
    """Raises `EngineError` if decoding with the cache gives wrong log-probs.

    Two prompts of different lengths are each continued twice by a few tokens, all at once. The
    log-probs must equal those of a forward pass without a cache.
    """
    prompts = [tuple((n * 7 + 3) % model.vocabulary for n in range(length)) for length in (3, 6)]
    texts: list[list[Generation]] = [[], []]

    def sequence(number: int, seed: int) -> RunningSequence:
        def done(text: Generation | Exception) -> None:
            if isinstance(text, Generation):
                texts[number].append(text)

        limit = min(4 - seed, model.positions - len(prompts[number]))
        return RunningSequence(prompts[number], Sampling(), limit, seed, done)

    decoder.admit([sequence(number, seed) for number in (0, 1) for seed in (0, 1)])
    while decoder.running:
        decoder.step()
    rows = [
        Row(prompt, [text.token_ids for text in some])
        for prompt, some in zip(prompts, texts, strict=True)
    ]
    for some, expected in zip(texts, model.packed_logprobs(rows), strict=True):
        for text, logprobs in zip(some, expected, strict=True):
            model.check_agreement(
                text.logprobs, logprobs, method="generation with a key-value cache"
            )
