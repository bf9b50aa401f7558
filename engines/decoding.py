"""Write many texts at once: a running batch that rows join and leave at any step.

A row keeps one slot of the cache (`engines.slots`); one that ends is replaced by the last, and
waiting rows take the free slots at the end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import DynamicCache

from engines.language_model import LanguageModel
from engines.protocol import Generation, RowError, Sampling
from engines.sampling import Sampler
from engines.slots import Slots
from kernels.noise import uniforms
from kernels.packing import Row

_NOISE = 128
"""Uniforms drawn at once for a row."""


@dataclass(eq=False, slots=True)
class Draft:
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
        self.running: list[Draft] = []
        self.tokens_written = 0
        self._sampler = Sampler(model.device)
        self._slots = self._empty()

    def fits(self, draft: Draft, others: Sequence[Draft]) -> bool:
        """Whether there is room for ``draft`` beside ``others`` and those running."""
        rows = [*self.running, *others]
        longest = max([draft.longest, *(row.longest for row in rows)])
        return not rows or (len(rows) < self.rows and (len(rows) + 1) * longest <= self.budget)

    @torch.inference_mode()
    def admit(self, drafts: Sequence[Draft]) -> None:
        """Read the drafts' prompts, each distinct prompt once, and write their first tokens."""
        by_prompt: dict[tuple[int, ...], list[Draft]] = {}
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
        running = len(self.running)
        tokens = torch.tensor([draft.ids[-1] for draft in self.running])
        # The newest token has no keys yet: it goes to the position after all before it.
        positions = torch.tensor([len(d.prompt) + len(d.ids) - 1 for d in self.running])
        length = int(positions.max()) + 1
        self._slots.reach(length)
        tokens, positions = tokens.to(self.model.device), positions.to(self.model.device)
        cells = torch.arange(max(length, running), device=self.model.device)
        self._slots.at = (cells[:running], positions, length)
        seen = cells[:length] <= positions[:, None]
        hidden = self.model.hidden(
            tokens[:, None],
            position_ids=positions[:, None],
            attention_mask=self.model.mask(seen[:, None, None]),
            past_key_values=self._slots,
            use_cache=True,
        )
        finished = self._write(self.running, hidden[:, 0])
        for slot in reversed(finished):
            last = self.running.pop()
            if slot < len(self.running):
                self.running[slot] = last
                self._slots.move(len(self.running), slot, len(last.prompt) + len(last.ids) - 1)

    def fail(self, error: Exception) -> None:
        """Give up every running draft, and the cache."""
        running, self.running = self.running, []
        self._slots = self._empty()
        for draft in running:
            draft.done(error)

    def _empty(self) -> Slots:
        return Slots(layers=self.model.config.num_hidden_layers, rows=self.rows)

    def _read(self, prompts: Sequence[tuple[int, ...]], drafts: Sequence[list[Draft]]) -> None:
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
            self._slots.reach(longest)
            self._slots.fill(len(self.running), filled, [sources[number] for number in kept])
            self.running += [fresh[number] for number in kept]

    def _write(self, drafts: Sequence[Draft], hidden: torch.Tensor) -> list[int]:
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

    def _end(self, draft: Draft, text: str, finish: Any) -> None:
        draft.done(Generation(text, tuple(draft.ids), tuple(draft.logprobs), finish))

    def _text(self, ids: Sequence[int]) -> str:
        return str(
            self.model.tokenizer.decode(
                list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def _stopped(self, draft: Draft) -> str | None:
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

    Two prompts of different lengths are continued by a few tokens, whose log-probs must be those
    of a forward pass without a cache.
    """
    texts: list[Generation] = []
    prompts = [tuple((n * 7 + 3) % model.vocabulary for n in range(length)) for length in (3, 6)]
    for prompt in prompts:
        collected: list[Generation | Exception] = []
        limit = min(4, model.positions - len(prompt))
        decoder.admit([Draft(prompt, Sampling(), limit, 0, collected.append)])
        while decoder.running:
            decoder.step()
        texts += [text for text in collected if isinstance(text, Generation)]
    rows = [Row(prompt, [text.token_ids]) for prompt, text in zip(prompts, texts, strict=True)]
    for text, whole in zip(texts, model.packed_logprobs(rows), strict=True):
        model.agree(text.logprobs, whole[0], what="writing with a key-value cache")
