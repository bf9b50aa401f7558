"""The files of a model's folder: which of them count, and what they hold."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from engines.protocol import EngineError
from schemas.git_lfs import IS_POINTER, POINTER

READ = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "*.tiktoken",
    "chat_template*",
    "additional_chat_templates/*",
)
"""The files that can change an answer: not README, optimizer state or training logs."""
_NEVER_EMPTY = {".json", ".safetensors"}


def weight_files(folder: Path) -> list[Path]:
    """The files of a model that can change an answer, in order."""
    return sorted({path for pattern in READ for path in folder.glob(pattern) if path.is_file()})


def file_digest(path: Path) -> str:
    """A digest of the file. It is read once per process, and again if its size or time of change
    differs.

    Raises:
        EngineError: it is a Git LFS pointer, or an empty file of weights or JSON.
    """
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest(path: Path, size: int, changed_ns: int) -> str:
    if not size and path.suffix in _NEVER_EMPTY:
        raise EngineError(f"{path} is empty: write or download it again")
    with open(path, "rb") as file:
        if file.read(len(POINTER)) == POINTER:
            raise EngineError(f"{path} {IS_POINTER}")
        file.seek(0)
        return hashlib.file_digest(file, "blake2b").hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises `EngineError` if there is none."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{path} cannot be read: {shortened(error)}") from error
    if not isinstance(content, dict):
        raise EngineError(f"{path}: expected a JSON object")
    return content


def shortened(error: Exception) -> str:
    """An error in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"
