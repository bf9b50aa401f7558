"""Problems that every implementation of the kernels must solve, and what solving them means."""

from dataclasses import dataclass

import torch

from kernels.head import Head
from tests.kernels import reference


@dataclass(frozen=True)
class Case:
    """Hidden states, a head and the tokens wanted."""

    hidden: torch.Tensor
    head: Head
    ids: torch.Tensor


def case(
    tokens: int,
    vocabulary: int,
    *,
    width: int = 16,
    dtype: torch.dtype = torch.float32,
    bias: bool = False,
    seed: int = 0,
    **rules: float,
) -> Case:
    """A random problem; a vocabulary of one tile is 16 words in the interpreter."""
    torch.manual_seed(seed)
    head = Head(
        torch.randn(vocabulary, width).to(dtype),
        torch.randn(vocabulary).to(dtype) if bias else None,
        **rules,
    )
    return Case(torch.randn(tokens, width).to(dtype), head, torch.randint(0, vocabulary, (tokens,)))


def impossible_words() -> Case:
    """Logits of −inf and near it: the first 16 words and the last, and a token that is one."""
    found = case(5, 50)
    bias = torch.zeros(50)
    bias[:16] = -torch.inf
    bias[20], bias[49] = -1e30, -torch.inf
    return Case(found.hidden, Head(found.head.weight, bias), torch.tensor([17, 3, 20, 49, 30]))


def ties() -> Case:
    """Words that are equally likely, across tiles."""
    weight = torch.zeros(40, 16)
    weight[[5, 21, 39]] = 1.0
    return Case(torch.ones(4, 16), Head(weight), torch.tensor([5, 21, 39, 0]))


CASES = {
    "whole tiles": lambda: case(32, 64),
    "a vocabulary that is no multiple of a block": lambda: case(17, 203, width=24),
    "a width that no copy engine takes": lambda: case(7, 37, width=13),
    "more tokens than go over the words together": lambda: case(270, 16),
    "one token": lambda: case(1, 90),
    "one word": lambda: case(3, 1),
    "no token": lambda: case(0, 30),
    "impossible words": impossible_words,
    "ties": ties,
    "huge logits": lambda: Case(
        torch.full((2, 16), 1e4), Head(torch.eye(20, 16) * 1e4), torch.tensor([0, 19])
    ),
    "bias, cap, scale, temperature": lambda: case(
        9, 50, bias=True, softcap=4.0, scale=0.5, temperature=0.7
    ),
    "bfloat16": lambda: case(19, 100, dtype=torch.bfloat16, bias=True),
    "float16": lambda: case(19, 100, dtype=torch.float16),
}


def assert_right(found: torch.Tensor, asked: Case) -> None:
    """``found`` is what float64 says, to float32's own accuracy."""
    expected = reference.selected_logprobs(asked.hidden, asked.head, asked.ids)
    assert found.dtype == torch.float32
    assert not (found > 0).any()
    torch.testing.assert_close(found.double(), expected, atol=2e-5, rtol=2e-6)
