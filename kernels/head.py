"""The last step of a language model: from hidden states to logits."""

from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True, slots=True)
class Head:
    """``logits = cap(scale · (hidden @ weight.T + bias)) / temperature``, with
    ``cap(x) = softcap · tanh(x / softcap)`` (Gemma 2), or nothing.

    ``weight``: Float[vocabulary, hidden]; ``bias``: Float[vocabulary].
    """

    weight: torch.Tensor
    bias: torch.Tensor | None = None
    softcap: float | None = None
    scale: float = 1.0
    temperature: float = 1.0

    @property
    def vocabulary(self) -> int:
        """How many words there are."""
        return self.weight.shape[0]

    def words(self, start: int, end: int) -> "Head":
        """The head of the words ``start`` to ``end`` alone."""
        bias = None if self.bias is None else self.bias[start:end]
        return replace(self, weight=self.weight[start:end], bias=bias)

    def logits(self, hidden: torch.Tensor, *, out: torch.Tensor | None = None) -> torch.Tensor:
        """Float32[tokens, vocabulary] of Float[tokens, hidden].

        ``out``: where float32 products of a CPU go, so that blocks of logits can share memory.
        """
        return self.finish(_product(hidden, self.weight, out))

    def finish(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits of products ``hidden @ weight.T`` (Float32[tokens, vocabulary]), in place."""
        if self.bias is not None:
            logits += self.bias.float()
        if self.scale != 1.0:
            logits *= self.scale
        if self.softcap is not None:
            logits.div_(self.softcap).tanh_().mul_(self.softcap)
        if self.temperature != 1.0:
            logits /= self.temperature
        return logits


def _product(hidden: torch.Tensor, weight: torch.Tensor, out: torch.Tensor | None) -> torch.Tensor:
    """``hidden @ weight.T`` in float32: a 16-bit result would round log-probs to 2 or 3 digits."""
    if hidden.is_cuda and hidden.dtype == weight.dtype != torch.float32:
        return torch.mm(hidden, weight.T, out_dtype=torch.float32)
    return torch.mm(hidden.float(), weight.float().T, out=out)
