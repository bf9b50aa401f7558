"""Chats as tokens, drawn without end, in batches nearly free of padding."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import IterableDataset
from transformers import PreTrainedTokenizerFast

from .lessons import Messages
from .skills import Skill, draw
from .tokens import CONTEXT, THOUGHT

TOKENS = 4096
"""Most tokens of a batch, padding included: so few that what a layer computes stays in a
processor's cache."""
POOL = 1024
"""Chats drawn at once and sorted by length."""


@dataclass(frozen=True, slots=True)
class Row:
    """A chat as tokens."""

    ids: list[int]
    learned: list[bool]
    """The assistant's tokens and the end of its turn, without what was given."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Chats of nearly one length."""

    tokens: torch.Tensor
    """Int[batch, tokens], padded on the right: under a causal mask no token sees the padding."""
    learned: torch.Tensor
    """Bool[batch, tokens]."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stream has been read."""

    pool: int = 0
    batch: int = 0
    """Of the pool, those read."""


def encode(tokenizer: PreTrainedTokenizerFast, chats: Sequence[Messages]) -> list[Row]:
    """Chats as the chat template writes them (with enable_thinking where one has a thought).

    The mark that opens a thought is in the header, and not learned. Ten times as fast as the
    template. Raises ValueError for a chat of more than `CONTEXT` tokens.
    """
    turns = [turn for chat in chats for turn in chat]
    encoded_turns = tokenizer.backend_tokenizer.encode_batch(
        [_text(turn) for turn in turns], add_special_tokens=False
    )
    end = tokenizer.eos_token_id
    encoded = iter(zip(turns, encoded_turns, strict=True))
    rows: list[Row] = []
    for chat in chats:
        ids: list[int] = []
        learned: list[bool] = []
        for _ in chat:
            turn, encoding = next(encoded)
            begins = len(f"{THOUGHT[0]}\n") if "reasoning_content" in turn else 0
            begins = max(begins, turn.get("given", 0))
            by_assistant = turn["role"] == "assistant"
            ids += [_role(tokenizer, turn["role"]), *encoding.ids, end]
            learned += [False, *(by_assistant and at >= begins for at, _ in encoding.offsets)]
            learned.append(by_assistant and begins < max(1, len(_text(turn))))
        if len(ids) > CONTEXT:
            raise ValueError(f"a chat of {len(ids)} tokens does not fit into {CONTEXT}: {chat}")
        rows.append(Row(ids, learned))
    return rows


def batches(rows: Sequence[Row], pad: int, rng: random.Random) -> list[Batch]:
    """Rows of like lengths together, at most `TOKENS` to a batch, in any order."""
    batched: list[Batch] = []
    waiting: list[Row] = []
    for row in sorted(rows, key=lambda row: len(row.ids)):
        if waiting and (len(waiting) + 1) * len(row.ids) > TOKENS:
            batched.append(_collate(waiting, pad))
            waiting = []
        waiting.append(row)
    batched.append(_collate(waiting, pad))
    rng.shuffle(batched)
    return batched


class Stream(IterableDataset[tuple[Place, Batch]]):
    """Batches of fresh chats without end; none is seen twice.

    A pool depends on the noise and its number alone, so a stream goes on from any place.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        mixture: Sequence[Skill],
        noise: str,
        place: Place | None = None,
    ) -> None:
        self.tokenizer, self.mixture, self.noise = tokenizer, mixture, noise
        self.place = place or Place()

    def __iter__(self) -> Iterator[tuple[Place, Batch]]:
        """Each batch, and the place after it."""
        pool, done = self.place.pool, self.place.batch
        while True:
            rng = random.Random(f"{self.noise} pool {pool}")
            chats = [draw(self.mixture, rng) for _ in range(POOL)]
            pad: Any = self.tokenizer.pad_token_id
            pool_batches = batches(encode(self.tokenizer, chats), pad, rng)
            for number, batch in enumerate(pool_batches[done:], done + 1):
                yield Place(pool, number) if number < len(pool_batches) else Place(pool + 1), batch
            pool, done = pool + 1, 0


def texts(chats: Iterable[Messages]) -> Iterator[str]:
    """The texts of chats, for a tokenizer to be trained on."""
    return (_text(turn) for chat in chats for turn in chat)


def _text(turn: dict[str, Any]) -> str:
    """What a turn says, with its thought."""
    content = str(turn["content"])
    if "reasoning_content" not in turn:
        return content
    opens, closes = THOUGHT
    return f"{opens}\n{turn['reasoning_content']}\n{closes}\n\n{content}"


def _role(tokenizer: PreTrainedTokenizerFast, role: str) -> int:
    token: Any = tokenizer.convert_tokens_to_ids(f"<|{role}|>")
    return int(token)


def _collate(rows: Sequence[Row], pad: int) -> Batch:
    length = max(len(row.ids) for row in rows)
    tokens = [row.ids + [pad] * (length - len(row.ids)) for row in rows]
    learned = [row.learned + [False] * (length - len(row.ids)) for row in rows]
    return Batch(torch.tensor(tokens), torch.tensor(learned))
