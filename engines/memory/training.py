"""How much memory a training needs."""

from dataclasses import dataclass

from engines.bindings import Binding
from engines.memory.free_memory import free_memory
from engines.memory.model_size import ModelSize, model_size
from engines.memory.needs import number_type, place, what
from schemas import Need


@dataclass(frozen=True)
class Training:
    """What the memory of a training depends on, beside its model.

    Attributes:
        gpu: whether it runs on GPUs, where activations are recomputed (gradient checkpointing).
        rank: the rank of the LoRA adapter that is trained; None if all weights are.
        state_bytes: the bytes that the optimizer keeps on the device for each trained weight.
        accumulates: whether gradients are kept while another forward pass runs.
        devices: the number of devices. CPU processes share the free memory.
        sharded: whether each device keeps its part of the weights, gradients and optimizer states.
    """

    gpu: bool
    rank: int | None = None
    state_bytes: int = 8
    accumulates: bool = False
    devices: int = 1
    sharded: bool = False


def training_need(binding: Binding, training: Training, *, tokens: int) -> Need:
    """What a training of the model of ``binding`` needs on one device.

    Args:
        binding: the model, in the number type of its training.
        training: what else the memory depends on.
        tokens: the most tokens of one forward pass on one device, padding included.
    """
    device = "cuda" if training.gpu else "cpu"
    size = model_size(binding)
    full = training.rank is None
    trained = size.parameters if training.rank is None else _adapter(size, training.rank)
    kept = training.devices if training.sharded else 1
    gradients = 4 * trained // kept
    activations = _backward(size, tokens, recomputed=training.gpu)
    parts = {
        "weights": (size.weights + (0 if full else 4 * trained)) // kept,
        "optimizer states": training.state_bytes * trained // kept,
        # Unless they are accumulated, gradients are made while activations are freed.
        "activations and gradients": gradients + activations
        if training.accumulates
        else max(gradients, activations),
    }
    if training.sharded:
        parts["gathered weights"] = _gathered(size)
    elif training.devices > 1:
        # What the devices exchange is a copy of the gradients.
        parts["exchanged gradients"] = gradients
    return Need(
        f"training {what(binding)}{_on_each(training)}",
        parts,
        least=sum(parts.values()),
        free=_free(training),
        place=place(device),
        remedies=_remedies(training),
        warnings=number_type(binding, device),
    )


def loading_need(binding: Binding, devices: int) -> Need:
    """The main memory that a sharded training needs before its first step, when each of its
    processes has all weights."""
    return Need(
        f"loading {what(binding)} in {devices} processes",
        {"weights": (least := devices * model_size(binding).weights)},
        least=least,
        free=free_memory("cpu"),
        place=place("cpu"),
        remedies=("fewer devices", "a smaller model"),
    )


def _free(training: Training) -> int:
    if training.gpu:
        return min(free_memory(f"cuda:{number}") for number in range(training.devices))
    return free_memory("cpu") // training.devices


def _on_each(training: Training) -> str:
    return f" on each of {training.devices} devices" if training.devices > 1 else ""


def _remedies(training: Training) -> tuple[str, ...]:
    whole = training.rank is None and not training.sharded
    several = training.devices > 1
    return (
        *(["lora: {} (trains an adapter, in the weights' own type)"] if whole else []),
        *(["optimizer: adamw_8bit or adafactor"] if training.state_bytes > 2 else []),
        *(["devices: N with shard: true (a part on each of N GPUs)"] if whole else []),
        *(["more devices"] if training.sharded else []),
        *(["fewer devices"] if several and not training.gpu else []),
        "a smaller batch_size with gradient_accumulation",
        "a smaller max_length",
        *([] if training.gpu else ["a GPU"]),
        "a smaller model",
    )


def _gathered(size: ModelSize) -> int:
    """Bytes of the weights that a sharded training has whole at one time, in bfloat16, and of their
    gradients in float32: two layers, as the next one is fetched ahead, and the embeddings."""
    embeddings = size.embeddings * size.vocabulary * size.hidden
    layer = max(0, size.parameters - embeddings) // max(size.layers, 1)
    return 6 * (2 * layer + embeddings)


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
