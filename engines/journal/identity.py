"""The identity of an answer: what the journal's keys are made of, and nothing else.

Two requests have one identity exactly if the same answer is right for both. It is a BLAKE2b digest
(128 bits) over these fields, each framed by its length, in this order:

| field | why it is in |
|---|---|
| `VERSION` | a change of this page must not find answers under another meaning |
| verb | ``generate``, ``score``, ``choose`` or ``reward`` |
| `Engine.revision` | digests weights, tokenizer, chat template and number type |
| `Engine.name` | two engines sample and round the same weights differently |
| sampling (``generate``) | temperature, top_p, top_k, max_tokens, stop; a pattern if there is one |
| `Rendered.text` | the prompt as the model reads it, template and header applied |
| seed (``generate``) | it picks the sample |
| continuation, end flag (``score``) | what is scored, and whether the turn's end is |
| options (``choose``), sorted | the answer is a distribution over this set |
| answer, ends of its steps (``reward``) | what is rewarded, as a whole or step by step |
| dropout (``reward``), if there is any | its share and seed pick the activations left out |

Left out, each for a reason:

| field | why it is out |
|---|---|
| recipe, stage, refresh | two recipes that ask the same thing pay once |
| role | ``policy`` and ``judge`` bound to the same weights are one model |
| where the model lies, device | a copy of a folder, or another machine, holds the same model |
| row id, call number, sample index | they act through the seed alone |
| how many samples were asked for | each sample is one answer, so n=8 reuses what n=4 paid for |
| ``messages`` | the model reads their rendering; where no template is known, ``text`` is them |
| seed, top_p and top_k when greedy | nothing is drawn, so they change nothing |
| the order of options | a distribution has none; the engine is always asked in sorted order |
| other continuations of the same call | each is scored on its own, sharing the prefix only |
| batch, window, concurrency, time | an answer must not depend on them |
| the parser of the answer | the raw answer is kept, so a fixed parser reads it again |

Raise `VERSION` when a field comes in, goes out or changes its meaning. A journal of another version
is refused, never misread.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

from engines.protocol import Dropout, Sampling
from schemas import canonical

VERSION = 1
Verb = Literal["generate", "score", "choose", "reward"]


class Identity:
    """Keys of one verb of one model (and one `Sampling`): their common part is hashed once."""

    __slots__ = ("_common", "_greedy")

    def __init__(
        self, verb: Verb, *, engine: str, revision: str, sampling: Sampling | None = None
    ) -> None:
        self._greedy = sampling is not None and sampling.temperature == 0
        drawn = _drawn(sampling) if sampling else []
        common = canonical([VERSION, verb, engine, revision, drawn]).encode()
        self._common = hashlib.blake2b(_framed(common), digest_size=16)

    def generations(self, text: str, seeds: Iterable[int]) -> list[bytes]:
        """One key a seed; under a greedy sampling all are the same key."""
        asked = self._common.copy()
        asked.update(_framed(text.encode("utf-8", "surrogatepass")))
        keys = []
        for seed in seeds:
            one = asked.copy()
            if not self._greedy:
                one.update(seed.to_bytes(8, "little"))
            keys.append(one.digest())
        return keys

    def scores(self, text: str, continuations: Sequence[str], end: Sequence[bool]) -> list[bytes]:
        """One key a continuation."""
        asked = self._common.copy()
        asked.update(_framed(text.encode("utf-8", "surrogatepass")))
        keys = []
        for continuation, ends in zip(continuations, end, strict=True):
            one = asked.copy()
            one.update(b"\1" if ends else b"\0")
            one.update(_framed(continuation.encode("utf-8", "surrogatepass")))
            keys.append(one.digest())
        return keys

    def choice(self, text: str, options: Sequence[str]) -> bytes:
        """The key of a choice among the set of ``options``."""
        asked = self._common.copy()
        asked.update(_framed(text.encode("utf-8", "surrogatepass")))
        asked.update(canonical(sorted(options)).encode("utf-8", "surrogatepass"))
        return asked.digest()

    def reward(
        self, text: str, answer: str, step_ends: Sequence[int] | None, dropout: Dropout | None
    ) -> bytes:
        """The key of the rewards of one answer."""
        asked = self._common.copy()
        asked.update(_framed(text.encode("utf-8", "surrogatepass")))
        asked.update(_framed(answer.encode("utf-8", "surrogatepass")))
        ends = None if step_ends is None else list(step_ends)
        left_out = None if dropout is None else [float(dropout.share), dropout.seed]
        asked.update(canonical([ends, left_out]).encode())
        return asked.digest()


def _drawn(sampling: Sampling) -> list[object]:
    length: list[object] = [sampling.max_tokens, list(sampling.stop)]
    if sampling.pattern is not None:
        length.append({"pattern": sampling.pattern})
    if sampling.temperature == 0:
        return ["greedy", *length]
    return [float(sampling.temperature), float(sampling.top_p), sampling.top_k, *length]


def _framed(part: bytes) -> bytes:
    return len(part).to_bytes(8, "little") + part
