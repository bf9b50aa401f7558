"""The attention implementation that this engine registers with Transformers: packed sequences and
shared prompts."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch.nn.attention.flex_attention import BlockMask
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from engines.local.kv_cache import Slots
from kernels.attention import Block, attend, flex, masked

Layout = tuple[Block, ...] | BlockMask | Slots
"""The attention pattern: blocks on a CPU, FlexAttention's mask on a GPU, or a running batch."""

_NAME = "preference_factory_packed"
_LAYOUT: ContextVar[Layout | None] = ContextVar("layout", default=None)
"""The layout of the current forward pass. It is a context variable, because Transformers passes
only the layer's own arguments to an attention function."""


def install(model: PreTrainedModel) -> bool:
    """Register this attention with ``model``.

    Returns:
        False if its architecture takes no other attention. Its layers then take only masks.
    """
    if not model._can_set_attn_implementation():  # Setting it would only warn.
        return False
    AttentionInterface.register(_NAME, layout_attention)
    model.set_attn_implementation(_NAME)
    return bool(model.config.get_text_config()._attn_implementation == _NAME)


@contextmanager
def attention_layout(layout: Layout) -> Iterator[None]:
    """Forward passes inside use ``layout``: packed sequences, or one token of each running row."""
    token = _LAYOUT.set(layout)
    try:
        yield
    finally:
        _LAYOUT.reset(token)


def layout_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    softcap: float | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of a layer with the current layout, as Transformers calls it.

    Args:
        module: the attention module of the layer.
        query: Float[rows, heads, length, width].
        key: Float[rows, key heads, length, width].
        value: as ``key``.
        attention_mask: used without a layout only.
        scaling: the factor of scores; by default 1/√width.
        softcap: the soft cap of scaled scores.

    Returns:
        Float[rows, length, heads, width], and no weights.
    """
    layout = _LAYOUT.get()
    if layout is None and softcap is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **others
        )
    if layout is None:
        groups = query.shape[1] // key.shape[1]
        key, value = (states.repeat_interleave(groups, dim=1) for states in (key, value))
        out = masked(query, key, value, attention_mask, scaling, softcap)
    elif isinstance(layout, Slots):
        layer: Any = module.layer_idx
        out = layout.attend(layer, query, scaling, softcap)
    elif isinstance(layout, BlockMask):
        out = flex(query, key, value, layout, scale=scaling, softcap=softcap)
    else:
        out = attend(query, key, value, layout, scale=scaling, softcap=softcap)
    return out.transpose(1, 2).contiguous(), None
