"""The layers of Llama-like models on a CPU, in fewer operations than the code of Transformers.

At one token a row, most operations take microseconds, and calling them takes as long. The products,
the feed-forward layers and the rotary angles are those of the model's own modules, and all results
are the same, to the last bit.
"""

from typing import Any

import torch
from torch import nn
from torch.nn.functional import rms_norm
from transformers import Cache

from engines.local.attention_backend import layout_attention

_BODIES = {"LlamaModel", "MistralModel", "Qwen2Model", "Qwen3Model"}
"""The classes of Transformers whose layers are these. Any other body runs its own code."""


def is_known(body: nn.Module) -> bool:
    """Whether `run_layers` is what ``body`` computes."""
    kind = type(body)
    return kind.__module__.startswith("transformers.models.") and kind.__name__ in _BODIES


def run_layers(
    body: Any, ids: torch.Tensor, *, position_ids: torch.Tensor, past_key_values: Cache | None
) -> torch.Tensor:
    """Hidden states after the last norm, with the attention of the current layout.

    Args:
        body: a model that `is_known`.
        ids: Int64[rows, length].
        position_ids: Int64[rows, length].
        past_key_values: the cache, to which keys and values are added.

    Returns:
        Float[rows, length, hidden].
    """
    hidden = body.embed_tokens(ids)
    cos, sin = (angles[:, None] for angles in body.rotary_emb(hidden, position_ids))
    half = sin.shape[-1] // 2
    sin = torch.cat([-sin[..., :half], sin[..., half:]], dim=-1)
    for layer in body.layers:
        attention = layer.self_attn
        states = _normed(layer.input_layernorm, hidden)
        heads = (*states.shape[:2], -1, attention.head_dim)
        query = attention.q_proj(states).view(heads)
        key = attention.k_proj(states).view(heads)
        value = attention.v_proj(states).view(heads).transpose(1, 2)
        if hasattr(attention, "q_norm"):
            query, key = _normed(attention.q_norm, query), _normed(attention.k_norm, key)
        query, key = (_rotated(each.transpose(1, 2), cos, sin) for each in (query, key))
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, attention.layer_idx)
        seen, _ = layout_attention(attention, query, key, value, None, attention.scaling)
        hidden = hidden + attention.o_proj(seen.flatten(2))
        hidden = hidden + layer.mlp(_normed(layer.post_attention_layernorm, hidden))
    return _normed(body.norm, hidden)


def _normed(norm: Any, states: torch.Tensor) -> torch.Tensor:
    weight: torch.Tensor = norm.weight
    return weight * rms_norm(states, weight.shape, None, norm.variance_epsilon)


def _rotated(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """``states`` turned by their angles. ``sin`` is negative in its first half."""
    return (states * cos).add_(states.roll(sin.shape[-1] // 2, -1).mul_(sin))
