"""The identity of an answer: the fields of a journal key.

Two requests have the same identity if and only if the same answer is right for both. The identity
is a BLAKE2b digest (128 bits) of these fields, in this order. Each is preceded by its length.

| field | why it is in |
|---|---|
| `VERSION` | after a change of this page, old answers must not match |
| verb | ``generate``, ``score``, ``choose`` or ``reward`` |
| `Engine.revision` | digests weights, tokenizer, chat template and number type |
| `Engine.name` | two engines sample and round the same weights differently |
| sampling (``generate``) | temperature, top_p, top_k, max_tokens, stop; a pattern if there is one |
| `Rendered.text` | the prompt as the model reads it, template and header applied |
| seed (``generate``) | it picks the sample |
| continuation, end flag (``score``) | what is scored, and whether the turn's end is |
| options (``choose``), sorted | the answer is a distribution over this set |
| spellings of options, if one has several | their probabilities are summed |
| answer, ends of its steps (``reward``) | the rewarded text, in one piece or step by step |
| no end flag (``reward``), for an answer without an end | the end of the turn is not read |
| dropout (``reward``), if there is any | its share and seed pick the activations left out |

These fields are left out:

| field | why it is out |
|---|---|
| recipe, stage, refresh | two recipes with the same request pay once |
| role | ``policy`` and ``judge`` bound to the same weights are one model |
| the model's folder, device | a copy of a folder, or another machine, has the same model |
| row id, call number, sample index | they only set the seed |
| the number of samples | each sample is one answer, so n=8 reuses those of n=4 |
| ``messages`` | the model reads their rendering; without a known template, ``text`` is them |
| seed, top_p and top_k when greedy | nothing is sampled, so they change nothing |
| the order of options | a distribution has none; the engine always gets them sorted |
| other continuations of the same call | each is scored separately; they share only the prefix |
| batch, window, concurrency, time | an answer must not depend on them |
| the parser of the answer | the raw answer is kept, so a corrected parser reads it again |

Increase `VERSION` when a field is added, removed or changes its meaning. A journal of another
version is refused, never misread.
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
        """One key per seed. With greedy sampling all keys are the same."""
        digest = self._common.copy()
        digest.update(_framed(text.encode("utf-8", "surrogatepass")))
        keys = []
        for seed in seeds:
            key = digest.copy()
            if not self._greedy:
                key.update(seed.to_bytes(8, "little"))
            keys.append(key.digest())
        return keys

    def scores(self, text: str, continuations: Sequence[str], end: Sequence[bool]) -> list[bytes]:
        """One key per continuation."""
        digest = self._common.copy()
        digest.update(_framed(text.encode("utf-8", "surrogatepass")))
        keys = []
        for continuation, ends in zip(continuations, end, strict=True):
            key = digest.copy()
            key.update(b"\1" if ends else b"\0")
            key.update(_framed(continuation.encode("utf-8", "surrogatepass")))
            keys.append(key.digest())
        return keys

    def choice(self, text: str, options: Sequence[Sequence[str]]) -> bytes:
        """The key of a choice among ``options``, each given by its spellings, the plain one
        first."""
        digest = self._common.copy()
        digest.update(_framed(text.encode("utf-8", "surrogatepass")))
        asked: list[object] = [*sorted(spellings[0] for spellings in options)]
        if any(len(spellings) > 1 for spellings in options):
            asked = [*sorted(list(spellings) for spellings in options)]
        digest.update(canonical(asked).encode("utf-8", "surrogatepass"))
        return digest.digest()

    def reward(
        self,
        text: str,
        answer: str,
        step_ends: Sequence[int] | None,
        dropout: Dropout | None,
        *,
        end: bool = True,
    ) -> bytes:
        """The key of the rewards of one answer."""
        digest = self._common.copy()
        digest.update(_framed(text.encode("utf-8", "surrogatepass")))
        digest.update(_framed(answer.encode("utf-8", "surrogatepass")))
        ends = None if step_ends is None else list(step_ends)
        left_out = None if dropout is None else [float(dropout.share), dropout.seed]
        digest.update(canonical([ends, left_out] if end else [ends, left_out, "no end"]).encode())
        return digest.digest()


def _drawn(sampling: Sampling) -> list[object]:
    length: list[object] = [sampling.max_tokens, list(sampling.stop)]
    if sampling.pattern is not None:
        length.append({"pattern": sampling.pattern})
    if sampling.temperature == 0:
        return ["greedy", *length]
    return [float(sampling.temperature), float(sampling.top_p), sampling.top_k, *length]


def _framed(part: bytes) -> bytes:
    return len(part).to_bytes(8, "little") + part
