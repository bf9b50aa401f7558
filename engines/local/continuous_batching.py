"""Write many texts at once: a running batch that rows join and leave at any step.

A row keeps a slot of the cache (`engines.local.kv_cache`), after its prompt, which rows share;
waiting rows take the free slots at the end.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import DynamicCache

from engines.local.causal_lm import LanguageModel
from engines.local.cpu_threads import few
from engines.local.kv_cache import Slots
from engines.local.sampler import Sampler
from engines.protocol import Generation, RowError, Sampling
from kernels.noise import uniforms
from kernels.packing import Row

_NOISE = 128
"""Uniforms drawn at once for a row."""
_WIDE = 512
"""Width of hidden states from which one token a row is worth more than one processor thread.

Threads meet after every product, and those of a pocket model take microseconds: two are a little
faster on idle cores, and several times slower where another process computes too.
"""


@dataclass(eq=False, slots=True)
class RunningSequence:
    """One text being written. ``limit``: most tokens it may have. ``done`` is called once, with
    the text or with what went wrong; ``gone`` says that nobody waits for it any more."""

    prompt: tuple[int, ...]
    sampling: Sampling
    limit: int
    seed: int
    done: Callable[[Generation | Exception], None]
    gone: Callable[[], bool] = lambda: False
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    noise: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @property
    def longest(self) -> int:
        """Most positions that its slot can need."""
        return len(self.prompt) + self.limit

    def uniform(self) -> float:
        """The noise of the token that comes next."""
        step = len(self.ids)
        if step >= len(self.noise):
            more = uniforms(self.seed, start=step, count=min(_NOISE, self.limit - step))
            self.noise = np.concatenate([self.noise, more])
        return float(self.noise[step])


class Decoder:
    """The running batch. ``rows``: most drafts at once; ``budget``: most positions reserved for
    them together (drafts x the longest any may become)."""

    def __init__(self, model: LanguageModel, *, rows: int, budget: int, prefill: int) -> None:
        self.model = model
        self.rows = rows
        self.budget = budget
        self.prefill = prefill
        self.running: list[RunningSequence] = []
        self.tokens_written = 0
        self._longest = 0  # Of the running drafts.
        self._narrow = model.device.type == "cpu" and model.config.hidden_size < _WIDE
        self._sampler = Sampler(model.device)
        self._slots = self._empty()

    def fits(self, draft: RunningSequence, others: Sequence[RunningSequence]) -> bool:
        """Whether there is room for ``draft`` beside ``others`` and those running."""
        rows = len(self.running) + len(others)
        if not 0 < rows < self.rows:
            return not rows
        longest = max(self._longest, draft.longest, *(other.longest for other in others))
        return (rows + 1) * longest <= self.budget

    @torch.inference_mode()
    def admit(self, drafts: Sequence[RunningSequence]) -> None:
        """Read the drafts' prompts, each distinct prompt once, and write their first tokens."""
        by_prompt: dict[tuple[int, ...], list[RunningSequence]] = {}
        for draft in drafts:
            by_prompt.setdefault(draft.prompt, []).append(draft)
        prompts = sorted(by_prompt, key=len)
        while prompts:
            longest = len(prompts[-1])
            part = prompts[-max(1, self.prefill // longest) :]
            del prompts[-len(part) :]
            self._read(part, [by_prompt[prompt] for prompt in part])

    @torch.inference_mode()
    def step(self) -> None:
        """Write one token of every running draft."""
        with few(1) if self._narrow else nullcontext():
            self._step()

    def _step(self) -> None:
        tokens = torch.tensor([draft.ids[-1] for draft in self.running])
        begun = torch.tensor([len(draft.prompt) for draft in self.running])
        # The newest token has no keys yet: it goes to the cell after all before it.
        written = torch.tensor([len(draft.ids) - 1 for draft in self.running])
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
        """Give up every running draft, and the cache."""
        running, self.running, self._longest = self.running, [], 0
        self._slots = self._empty()
        for draft in running:
            draft.done(error)

    def _empty(self) -> Slots:
        return Slots(layers=self.model.config.num_hidden_layers)

    def _read(
        self, prompts: Sequence[tuple[int, ...]], drafts: Sequence[list[RunningSequence]]
    ) -> None:
        longest = max(len(prompt) for prompt in prompts)
        ids = torch.zeros(len(prompts), longest, dtype=torch.int64)
        for number, prompt in enumerate(prompts):
            ids[number, : len(prompt)] = torch.tensor(prompt)
        # Padding stands on the right, where causal attention hides it from every real token.
        filled = DynamicCache()
        hidden = self.model.hidden(
            ids.to(self.model.device), past_key_values=filled, use_cache=True
        )
        last = torch.tensor([len(prompt) - 1 for prompt in prompts], device=hidden.device)
        hidden = hidden[torch.arange(len(prompts), device=hidden.device), last]
        sources = [number for number, group in enumerate(drafts) for _ in group]
        fresh = [draft for group in drafts for draft in group]
        finished = set(self._write(fresh, hidden[torch.tensor(sources, device=hidden.device)]))
        kept = [number for number in range(len(fresh)) if number not in finished]
        if kept:
            going = Counter(sources[number] for number in kept)
            counts = [going[number] for number in range(len(prompts))]
            self._slots.fill(filled, [len(prompt) for prompt in prompts], counts)
            self.running += [fresh[number] for number in kept]
            self._settle(set())

    def _settle(self, finished: set[int]) -> None:
        """Make ready for the next step, without the rows that ``finished``."""
        going = [row for row in range(len(self.running)) if row not in finished]
        order = self._slots.settle(going, [len(self.running[row].ids) for row in going])
        self.running = [self.running[row] for row in order]
        self._longest = max((draft.longest for draft in self.running), default=0)

    def _write(self, drafts: Sequence[RunningSequence], hidden: torch.Tensor) -> list[int]:
        """Sample a token for each draft; returns which of them ended, in order."""
        logits = self.model.logits(hidden)
        noise = [draft.uniform() for draft in drafts]
        tokens, logprobs = self._sampler.draw(logits, [d.sampling for d in drafts], noise)
        self.tokens_written += len(drafts)
        ends, finished = self.model.end_ids, []
        for number, (draft, token, logprob) in enumerate(
            zip(drafts, tokens, logprobs, strict=True)
        ):
            draft.ids.append(token)
            draft.logprobs.append(logprob)
            if logprob != logprob:
                draft.done(RowError("the model's output is not a number (nan) for this prompt"))
            elif token in ends:
                self._end(draft, self._text(draft.ids[:-1]), "stop")
            elif draft.sampling.stop and (text := self._stopped(draft)) is not None:
                self._end(draft, text, "stop")
            elif len(draft.ids) >= draft.limit:
                self._end(draft, self._text(draft.ids), "length")
            elif not draft.gone():
                continue
            finished.append(number)
        return finished

    def _end(self, draft: RunningSequence, text: str, finish: Any) -> None:
        draft.done(Generation(text, tuple(draft.ids), tuple(draft.logprobs), finish))

    def _text(self, ids: Sequence[int]) -> str:
        return str(
            self.model.tokenizer.decode(
                list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def _stopped(self, draft: RunningSequence) -> str | None:
        """The text before the first stop string, once there is one; the stop is not in it."""
        newest = self._text(draft.ids[-1:])
        stops = [stop for stop in draft.sampling.stop if stop]
        # Most tokens cannot complete a stop string, and decoding a whole text each step is slow.
        # One that is part of a character decodes to the replacement character: look then too.
        if not any(stop[-1] in newest or "�" in newest for stop in stops):
            return None
        text = self._text(draft.ids)
        found = [at for stop in stops if (at := text.find(stop)) >= 0]
        return text[: min(found)] if found else None


def check_decoding(model: LanguageModel, decoder: Decoder) -> None:
    """Raises `EngineError` if writing with the cache is not what the whole model would write.

    Two prompts of different lengths are continued by a few tokens, twice at once, whose log-probs
    must be those of a forward pass without a cache.
    """
    prompts = [tuple((n * 7 + 3) % model.vocabulary for n in range(length)) for length in (3, 6)]
    texts: list[list[Generation]] = [[], []]

    def draft(number: int, seed: int) -> RunningSequence:
        def done(text: Generation | Exception) -> None:
            if isinstance(text, Generation):
                texts[number].append(text)

        limit = min(4 - seed, model.positions - len(prompts[number]))
        return RunningSequence(prompts[number], Sampling(), limit, seed, done)

    decoder.admit([draft(number, seed) for number in (0, 1) for seed in (0, 1)])
    while decoder.running:
        decoder.step()
    rows = [
        Row(prompt, [text.token_ids for text in some])
        for prompt, some in zip(prompts, texts, strict=True)
    ]
    for some, whole in zip(texts, model.packed_logprobs(rows), strict=True):
        for text, logprobs in zip(some, whole, strict=True):
            model.agree(text.logprobs, logprobs, what="writing with a key-value cache")
