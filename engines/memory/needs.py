"""How much memory generating, scoring and training need."""

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
        _what(binding),
        {"weights": size.weights, "key-value cache at most": cache, "activations": work},
        least=size.weights + work + min(cache, _LEAST_CACHED * size.position_bytes),
        free=free,
        place=_place(device),
        remedies=(
            *_smaller(binding, device),
            "options: {batch_size: …, score_tokens: …} with smaller numbers",
            "a server (engine: openai)",
        ),
        warnings=_number_type(binding, device),
    )


def cache_bytes(size: ModelSize, free: int, device: str, tokens: int | None) -> int:
    """The most bytes of key-value cache: ``tokens`` positions, by default half of what is free, and
    on a CPU at most `CACHE`."""
    if tokens is not None:
        return tokens * size.position_bytes
    return max(0, min(free // 2, CACHE) if device.startswith("cpu") else free // 2)


def training_need(
    binding: Binding, *, tokens: int, rank: int | None, gpu: bool, devices: int = 1
) -> Need:
    """What a training of the model of ``binding`` needs on one device.

    Args:
        binding: the model, in the number type of its training.
        tokens: the most tokens of one forward pass, padding included.
        rank: the rank of the LoRA adapter that is trained; None if all weights are.
        gpu: whether it runs on a GPU, where activations are recomputed (gradient checkpointing).
        devices: the number of devices. CPU processes share the free memory.
    """
    device = "cuda" if gpu else "cpu"
    size = model_size(binding)
    trained = size.parameters if rank is None else _adapter(size, rank)
    weights = size.weights + (0 if rank is None else 4 * trained)
    parts = {
        "weights": weights,
        "optimizer states": 8 * trained,
        # Activations are freed while gradients are made from them.
        "activations and gradients": max(4 * trained, _backward(size, tokens, recomputed=gpu)),
    }
    lora = ["lora: {} (trains an adapter, in the weights' own type)"] if rank is None else []
    return Need(
        f"training {_what(binding)}",
        parts,
        least=sum(parts.values()),
        free=min(free_memory(f"cuda:{at}") for at in range(devices))
        if gpu
        else free_memory(device) // devices,
        place=_place(device),
        remedies=(
            *lora,
            "a smaller batch_size with gradient_accumulation",
            "a smaller max_length",
            *([] if gpu else ["a GPU"]),
            "a smaller model",
        ),
        warnings=_number_type(binding, device),
    )


def _forward(size: ModelSize, tokens: int) -> int:
    """Bytes of the activations of one pass without gradients: one layer at a time."""
    return tokens * (8 * size.hidden + 3 * size.inner) * size.width


def _backward(size: ModelSize, tokens: int, *, recomputed: bool) -> int:
    """Bytes of the activations that a training step keeps for its gradients.

    A layer keeps about 15 vectors of the hidden size, 3 of each head and 7 of the feed-forward size
    per token (`benchmarks.memory`: the slope over lengths is within a tenth of it). With
    recomputation only each layer's input is kept, and one layer in full.
    """
    width = 2 if recomputed else 4
    attended = (size.heads + 2 * size.kept_heads) * size.head
    layer = tokens * (15 * size.hidden + 3 * attended + 7 * size.inner) * width
    inputs = size.layers * tokens * size.hidden * width
    kept = inputs + layer if recomputed else size.layers * layer
    # The gradient of the head is summed in float32 before it is added to the others.
    return kept + (4 * size.hidden * size.vocabulary if tokens else 0)


def _adapter(size: ModelSize, rank: int) -> int:
    """The weights of a LoRA adapter of all linear layers."""
    attended = (size.heads + size.kept_heads) * size.head
    sides = 4 * size.hidden + 2 * attended + 3 * (size.hidden + size.inner)
    return size.layers * rank * sides


def _what(binding: Binding) -> str:
    return f"{binding.model} in {resolved_dtype(binding)}"


def _place(device: str) -> str:
    return "memory" if device.startswith("cpu") else f"the memory of {device}"


def _smaller(binding: Binding, device: str) -> list[str]:
    """Remedies that make the weights smaller."""
    half = resolved_dtype(binding) == "float32"
    on_gpu = [] if device.startswith("cpu") else ["device: cpu"]
    return [*(["dtype: bfloat16 (half of it)"] if half else []), "a smaller model", *on_gpu]


def _number_type(binding: Binding, device: str) -> list[str]:
    dtype = resolved_dtype(binding)
    if device.startswith("cpu") and dtype == "float16":
        return ["this CPU computes float16 slowly: set dtype: float32"]
    if device.startswith("cpu") and dtype == "bfloat16" and not computes_bfloat16():
        return [
            "this CPU has no units for bfloat16 (avx512_bf16, amx_bf16) and emulates it, which is "
            "several times slower: set dtype: float32, or use a GPU or a server"
        ]
    return []
