"""The size of a model, from its config.json and the headers of its safetensors: nothing is
loaded."""

import json
import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from engines.adapters import adapted
from engines.architecture import Architecture, architecture
from engines.bindings import Binding
from engines.folder_files import read_json
from engines.weights import model_folder, resolved_dtype

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
"""Stored types that loading converts to the binding's type. Others stay, as weights of 8 bits."""
_STORED = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2}


@dataclass(frozen=True, slots=True)
class ModelSize(Architecture):
    """The size of a model: ``parameters``, their number; ``weights``, their bytes; ``width``, the
    bytes of one number in its type."""

    parameters: int
    weights: int
    width: int

    @property
    def position_bytes(self) -> int:
        """The bytes of one position of key-value cache."""
        return 2 * self.layers * self.kept_heads * self.head * self.width


def model_size(binding: Binding) -> ModelSize:
    """The size of the model of ``binding`` in its number type. The weights are counted in the
    headers of its files.

    Raises:
        EngineError: there is no such model, or its files cannot be read.
    """
    folder = model_folder(binding)
    width = _BYTES[resolved_dtype(binding)]
    count, weights = _stored(str(folder), width)
    while (base := adapted(folder)) is not None:
        folder = model_folder(base)
        more, bytes_more = _stored(str(folder), width)
        count, weights = count + more, weights + bytes_more
    sizes = asdict(architecture(read_json(folder / "config.json")))
    return ModelSize(**sizes, parameters=count, weights=weights, width=width)


@lru_cache(maxsize=64)
def _stored(folder: str, width: int) -> tuple[int, int]:
    """The number of weights in a folder, and their bytes if a number has ``width`` bytes."""
    count = size = 0
    for path in sorted(Path(folder).glob("*.safetensors")):
        with open(path, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        for name, tensor in header.items():
            if name == "__metadata__":
                continue
            numbers, kind = math.prod(tensor["shape"]), tensor["dtype"]
            count += numbers
            size += numbers * (width if kind in _FLOATS else _STORED.get(kind, 1))
    return count, size
