"""How much memory generating and scoring need."""

from engines.bindings import Binding
from engines.memory.free_memory import computes_bfloat16, free_memory
from engines.memory.model_size import ModelSize, model_size
from engines.weights import resolved_device, resolved_dtype
from schemas import Need

CACHE = 2 << 30
"""The most bytes of key-value cache on a CPU if ``options: cache_tokens`` is not set."""
_LEAST_CACHED = 2048
"""Positions of key-value cache without which a model cannot be used."""


def running_need(
    binding: Binding, *, batch_size: int, cache_tokens: int | None, pass_tokens: int
) -> Need:
    """What the model of ``binding`` needs to generate and score in this process.

    Args:
        binding: the model.
        batch_size: the most texts at once.
        cache_tokens: positions of key-value cache; None for the default.
        pass_tokens: the tokens of one pass over prompts or continuations.
    """
    size, device = model_size(binding), resolved_device(binding)
    free = free_memory(device)
    passes = _forward(size, pass_tokens)
    # The logits of a batch: as they come, their noise, sorted, and summed.
    work = passes + 4 * batch_size * size.vocabulary * 4
    cache = cache_bytes(size, free - size.weights - work, device, cache_tokens)
    return Need(
        what(binding),
        {"weights": size.weights, "key-value cache at most": cache, "activations": work},
        least=size.weights + work + min(cache, _LEAST_CACHED * size.position_bytes),
        free=free,
        place=place(device),
        remedies=(
            *_smaller(binding, device),
            "options: {batch_size: …, score_tokens: …} with smaller numbers",
            "a server (engine: openai)",
        ),
        warnings=number_type(binding, device),
    )


def cache_bytes(size: ModelSize, free: int, device: str, tokens: int | None) -> int:
    """The most bytes of key-value cache: ``tokens`` positions, by default half of what is free, and
    on a CPU at most `CACHE`."""
    if tokens is not None:
        return tokens * size.position_bytes
    return max(0, min(free // 2, CACHE) if device.startswith("cpu") else free // 2)


def _forward(size: ModelSize, tokens: int) -> int:
    """Bytes of the activations of one pass without gradients: one layer at a time."""
    return tokens * (8 * size.hidden + 3 * size.inner) * size.width


def what(binding: Binding) -> str:
    """The model, for errors."""
    return f"{binding.model} in {resolved_dtype(binding)}"


def place(device: str) -> str:
    """The memory of a device, for errors."""
    return "memory" if device.startswith("cpu") else f"the memory of {device}"


def _smaller(binding: Binding, device: str) -> list[str]:
    """Remedies that make the weights smaller."""
    half = resolved_dtype(binding) == "float32"
    on_gpu = [] if device.startswith("cpu") else ["device: cpu"]
    return [*(["dtype: bfloat16 (half of it)"] if half else []), "a smaller model", *on_gpu]


def number_type(binding: Binding, device: str) -> list[str]:
    """Warnings of a number type that the device computes slowly."""
    dtype = resolved_dtype(binding)
    if device.startswith("cpu") and dtype == "float16":
        return ["this CPU computes float16 slowly: set dtype: float32"]
    if device.startswith("cpu") and dtype == "bfloat16" and not computes_bfloat16():
        return [
            "this CPU has no units for bfloat16 (avx512_bf16, amx_bf16) and emulates it, which is "
            "several times slower: set dtype: float32, or use a GPU or a server"
        ]
    return []
