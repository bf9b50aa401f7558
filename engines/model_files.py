"""What a model's own files say of it, read without loading the model."""

import logging
from collections.abc import Mapping
from functools import lru_cache
from os.path import expanduser
from pathlib import Path
from typing import Any

from engines.architecture import architecture
from engines.bindings import Binding
from engines.folder_files import read_json
from engines.weights import is_hub_id

log = logging.getLogger(__name__)

SAMPLING = ("temperature", "top_p", "top_k")
"""What ``generation_config.json`` may say of sampling, as far as every engine can do it."""


def stated_sampling(binding: Binding) -> dict[str, Any]:
    """The values of `SAMPLING` that the model's ``generation_config.json`` states.

    Raises:
        EngineError: the file cannot be read.
    """
    config = published(binding, "generation_config.json")
    return {name: config[name] for name in SAMPLING if config.get(name) is not None}


def number_of_weights(binding: Binding) -> float | None:
    """About how many weights the language model has, by its ``config.json``; None if that does not
    say. A learning rate depends on it, so it is the same before the weights are downloaded.

    Raises:
        EngineError: the file cannot be read.
    """
    try:
        return architecture(published(binding, "config.json")).number_of_weights
    except (TypeError, ValueError):
        return None


def published(binding: Binding, name: str) -> Mapping[str, Any]:
    """The JSON object in the file ``name`` of the binding's model. Empty if the binding names no
    model, or the model has no such file.

    A file of a Hub model is taken from the local cache, or downloaded at the binding's revision.

    Raises:
        EngineError: the file holds no JSON object.
    """
    if binding.model is None:
        return {}
    folder = Path(expanduser(binding.model))
    file = folder / name if folder.is_dir() else None
    if file is None and is_hub_id(binding):
        file = _downloaded(binding.model, binding.revision, name)
    return {} if file is None or not file.is_file() else _read(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _read(file: Path, changed_ns: int) -> Mapping[str, Any]:
    return read_json(file)


@lru_cache(maxsize=256)
def _downloaded(model: str, revision: str | None, name: str) -> Path | None:
    """The file of a Hub model in the local cache; None if the model has no such file, or if the Hub
    cannot be reached."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    cached = try_to_load_from_cache(model, name, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    if cached is not None:  # known to be missing
        return None
    try:
        return Path(hf_hub_download(model, name, revision=revision, etag_timeout=3))
    except LocalEntryNotFoundError as error:
        log.warning("%s of %s is not known here: %s", name, model, str(error).splitlines()[0])
    except EntryNotFoundError:
        pass
    except Exception as error:
        # The model itself cannot be opened then, which says more.
        log.warning("%s of %s cannot be read: %s", name, model, str(error).splitlines()[0])
    return None
