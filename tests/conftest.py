"""What several test folders use: a real, tiny language model that needs no download, and a stand
that answers operators without any."""

import asyncio
import gc
import hashlib
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import hypothesis
import polars as pl
import pytest

# Each process of the tests has one core; torch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from engines.bindings import Binding
from engines.context import Context
from engines.protocol import (
    Choice,
    Engine,
    EngineError,
    Generation,
    Rendered,
    RowError,
    Sampling,
    Scored,
)
from schemas import Message, Prompts, prompt_id, rows

# Speed is measured in benchmarks/: a busy machine fails no test.
hypothesis.settings.register_profile(
    "quick",
    max_examples=30,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
# pytest --hypothesis-profile thorough tests/filters
hypothesis.settings.register_profile(
    "thorough", hypothesis.settings.get_profile("quick"), max_examples=1000
)
hypothesis.settings.load_profile("quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the whole program, which take longest, before those of its parts: no
    process of pytest-xdist waits for one of them at the end."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


frozen_modules = 0


def pytest_runtest_setup() -> None:
    """Keep garbage collection from looking at what was imported: each training collects
    twice, and the objects of torch, Transformers and Dagster take a third of a second each time."""
    global frozen_modules
    if len(sys.modules) > frozen_modules + 200:
        gc.collect()
        gc.freeze()
        frozen_modules = len(sys.modules)


CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def write_tiny_model(folder: Path, *, seed: int = 0, positions: int = 512) -> Path:
    """Save a random two-layer Llama, a byte-level tokenizer and a chat template to ``folder``.

    Weights are wide enough (initializer range 0.4) that the next token's distribution is far from
    uniform, so that a wrong mask, position or temperature changes what tests see.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    specials = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*specials, *letters])}
    tokens = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokens.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        additional_special_tokens=specials[2:],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        initializer_range=0.4,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        dtype="float32",
    )
    state = torch.random.get_rng_state()
    try:
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    finally:
        torch.random.set_rng_state(state)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random tiny Llama: byte-level tokens, 512 positions, float32. Read only."""
    return write_tiny_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="session")
def make_tiny_model() -> Callable[..., Path]:
    """Writes another such model: ``make_tiny_model(folder, seed=1, positions=64) -> folder``."""
    return write_tiny_model


class AnsweringEngine(Engine):
    """Answers from a hash of what it is asked, each answer after as many turns as the hash says,
    and notes every question in ``asked``."""

    name = "answering"
    local_weights = False
    constrains = False
    continues = True

    def __init__(self, binding: Binding, asked: list[tuple[object, ...]]) -> None:
        self.revision = f"answering-{binding.model}"
        self.asked = asked
        self.closed = False

    def render(self, messages: Sequence[Message]) -> Rendered:
        return Rendered(
            tuple(messages), "\n".join(f"{m['role']}: {m['content']}" for m in messages)
        )

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        digest = await self._asked("generate", prompt.text, sampling, seed)
        words = prompt.text[-20:] if sampling.temperature == 0 else f"{digest.hex()} é"
        if "say nothing" in prompt.text:
            words = " "
        if "half a character" in prompt.text:
            words = "\ud800"
        if "too long" in prompt.text:
            raise RowError("the prompt has 900 tokens, the model takes 512")
        if "no server" in prompt.text:
            raise EngineError("the server is gone")
        finish: Literal["stop", "length"] = "length" if digest[0] % 4 == 0 else "stop"
        return Generation(words, tuple(digest), tuple(-byte / 100 for byte in digest), finish)

    async def score(
        self, prompt: Rendered, continuations: Sequence[str], *, end: Sequence[bool]
    ) -> list[Scored]:
        scored = []
        for text, ends in zip(continuations, end, strict=True):
            digest = await self._asked("score", prompt.text, text, ends)
            nan = math.nan if "nan" in text else 1.0
            scored.append(Scored(tuple(digest), tuple(-nan * byte / 100 for byte in digest)))
        return scored

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        plain = [option[0] for option in options]
        await self._asked("choose", prompt.text, tuple(plain))
        weights = [float(len(option)) for option in plain]
        shares = tuple(math.log(weight / sum(weights)) for weight in weights)
        return Choice(shares, math.log(0.75))

    async def close(self) -> None:
        self.closed = True

    async def _asked(self, *question: object) -> bytes:
        assert not self.closed
        self.asked.append(question)
        digest = hashlib.blake2b(repr((self.revision, question)).encode(), digest_size=6).digest()
        for _ in range(digest[0] % 8):
            await asyncio.sleep(0)
        return digest


@dataclass
class Stand:
    """Runs operators in a folder of their own: every engine that was opened, all it was asked."""

    folder: Path
    asked: list[tuple[object, ...]] = field(default_factory=list)
    opened: list[AnsweringEngine] = field(default_factory=list)

    def open(self, binding: Binding) -> AnsweringEngine:
        self.opened.append(AnsweringEngine(binding, self.asked))
        return self.opened[-1]

    def context(self, **changes: Any) -> Context:
        """A context whose roles are bound to engines that answer from a hash."""
        settings: dict[str, Any] = {
            "recipe": "recipe",
            "stage": "stage",
            "refresh": "2026-01-01",
            "roles": {name: Binding(model=name) for name in ("policy", "judge")},
            "journal": self.folder / "journal.sqlite",
            "models": self.folder / "models",
            "progress": False,
            "open_engine": self.open,
        }
        return Context(**{**settings, **changes})

    @staticmethod
    def prompts(*texts: str) -> pl.DataFrame:
        """A `schemas.Prompts` frame, one row a text."""
        records = []
        for text in texts:
            messages = [{"role": "user", "content": text}]
            known = {"source": "test", "source_revision": "1", "licence": "none"}
            records.append({"prompt_id": prompt_id(messages), "messages": messages, **known})
        return rows(Prompts, records)


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    """A place to run operators that call models, without a model."""
    return Stand(tmp_path)
