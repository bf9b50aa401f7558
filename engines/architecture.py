"""The numbers of a model's ``config.json``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes of a language model, 0 where its ``config.json`` does not say. ``inner`` is the
    width of a feed-forward layer, and ``expert`` that of one of several ``experts``;
    ``kept_heads`` have a key-value cache; ``embeddings`` is 1 if input and output share theirs,
    else 2."""

    layers: int
    hidden: int
    inner: int
    experts: int
    expert: int
    heads: int
    kept_heads: int
    head: int
    vocabulary: int
    positions: int
    embeddings: int

    @property
    def number_of_weights(self) -> float | None:
        """About how many weights it has; None if that is not said. Weights of norms and biases,
        which are few, do not count."""
        if not all((self.layers, self.hidden, self.expert, self.heads, self.vocabulary)):
            return None
        attention = 2 * self.hidden * self.head * (self.heads + self.kept_heads)
        layer = attention + 3 * self.hidden * self.expert * self.experts
        return float(self.embeddings * self.vocabulary * self.hidden + self.layers * layer)


def architecture(config: Mapping[str, Any]) -> Architecture:
    """The sizes in ``config``, the content of a ``config.json``.

    Raises:
        ValueError: a size is no number.
    """
    text = {**config, **(config.get("text_config") or {})}

    def size(*names: str) -> int:
        return next((int(text[name]) for name in names if text.get(name)), 0)

    hidden, heads = size("hidden_size"), size("num_attention_heads")
    inner, experts = size("intermediate_size"), size("num_experts", "num_local_experts") or 1
    return Architecture(
        layers=size("num_hidden_layers"),
        hidden=hidden,
        inner=inner,
        experts=experts,
        expert=(size("moe_intermediate_size") if experts > 1 else 0) or inner,
        heads=heads,
        kept_heads=size("num_key_value_heads") or heads,
        head=size("head_dim") or hidden // max(heads, 1),
        vocabulary=size("vocab_size"),
        positions=size("max_position_embeddings"),
        embeddings=1 if text.get("tie_word_embeddings") else 2,
    )
