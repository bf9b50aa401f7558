"""The short code of known layers gives what the model's own code gives, to the last bit."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    DynamicCache,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from engines.local.attention_backend import attention_layout, install
from engines.local.decoder_layers import is_known, run_layers
from kernels.attention import blocks
from kernels.packing import Row, pack

SIZES = {
    "vocab_size": 99,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
}
SCALED = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 16}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(
    "config",
    [
        LlamaConfig(**SIZES),
        LlamaConfig(**SIZES, attention_bias=True, rope_parameters=SCALED),
        MistralConfig(**SIZES, head_dim=16),
        Qwen2Config(**SIZES),
        Qwen3Config(**SIZES, head_dim=16),
    ],
    ids=["Llama", "Llama with biases and scaled positions", "Mistral", "Qwen2", "Qwen3"],
)
@torch.no_grad()
def test_known_layers_give_the_models_own_bits(config: PreTrainedConfig, dtype: torch.dtype):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
    for parameter in model.parameters():
        parameter.normal_(std=0.3)
    body = model.base_model
    assert install(model)
    assert is_known(body)
    packed = pack([Row([5, 9, 7, 30], [[8, 20, 1], [8, 21, 1]]), Row([5, 9, 60], [[61, 1]])])
    theirs, ours = DynamicCache(), DynamicCache()
    ids, positions = packed.input_ids, packed.position_ids
    with attention_layout(blocks(packed)):
        expected = body(ids, position_ids=positions, past_key_values=theirs).last_hidden_state
        found = run_layers(body, ids, position_ids=positions, past_key_values=ours)
    assert torch.equal(found, expected)
    for own, other in zip(ours.layers, theirs.layers, strict=True):
        assert torch.equal(own.keys, other.keys)
        assert torch.equal(own.values, other.values)


def test_other_layers_run_their_own_code():
    sizes = {**SIZES, "num_key_value_heads": 6}
    other = AutoModelForCausalLM.from_config(GPTNeoXConfig(**sizes)).base_model
    assert not is_known(other)

    class LlamaModel(torch.nn.Module):
        """A class of the same name that is not Transformers' own."""

    assert not is_known(LlamaModel())
