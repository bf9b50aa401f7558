"""Weights on disk or on the Hub: the folder of a binding, loading, and revisions.

Only safetensors are read, and no code from a model's folder is ever run.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from os.path import expanduser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.bindings import Binding
from engines.protocol import EngineError
from schemas import canonical
from schemas.imports import without

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_VERSION = "weights-1"
"""Part of each digest. Increase it if this factory reads the same files as another model."""

_READ = (
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


def weights_revision(binding: Binding) -> str:
    """A digest of weights, tokenizer, chat template, adapter and dtype.

    For a folder, ``sha:<32 hex digits>/<dtype>`` over the bytes of its files. A file is read once
    per process, and again if its size or time of change differs. For a Hub id,
    ``<id>@<commit>/<dtype>``.

    Raises:
        EngineError: there is no such model.
    """
    folder = model_folder(binding)
    base = adapted(folder)
    # The base model runs where its adapter does.
    parts = (
        [] if base is None else [weights_revision(base.model_copy(update={"gpus": binding.gpus}))]
    )
    if is_hub_id(binding):
        parts.insert(0, f"{binding.model}@{folder.name}")
        return f"{'+'.join(parts)}/{resolved_dtype(binding)}"
    digest = hashlib.blake2b(_VERSION.encode(), digest_size=16)
    for path in weight_files(folder):
        stat = path.stat()
        content = _file_digest(str(path), stat.st_size, stat.st_mtime_ns)
        digest.update(f"\n{path.relative_to(folder)} {content}".encode())
    digest.update(canonical(parts).encode())
    return f"sha:{digest.hexdigest()}/{resolved_dtype(binding)}"


@lru_cache
def lighten_transformers() -> None:
    """Keep Transformers from importing scikit-learn, which takes two seconds and is only for a way
    of generating that is not used here. To be called before it is imported."""
    with without("sklearn"):
        from transformers.utils.import_utils import is_sklearn_available

        # Its result is kept.
        is_sklearn_available()


def tokenizer_of(folder: Path, *, name: str) -> "PreTrainedTokenizerBase":
    """The tokenizer in the folder of the model ``name``. Raises `EngineError` if it cannot be
    read."""
    lighten_transformers()
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:
        raise EngineError(
            f"{name}: its tokenizer cannot be read ({_shorten(error)}). Save the tokenizer "
            "into the same folder with tokenizer.save_pretrained(folder)"
        ) from error


def chat_tokenizer(binding: Binding) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model that answers messages. Raises `EngineError` if it cannot be read or
    has no chat template."""
    tokenizer = tokenizer_of(model_folder(binding), name=str(binding.model))
    if not tokenizer.chat_template:
        raise EngineError(
            f"{binding.model}: its tokenizer has no chat template, which messages need. Use an "
            "instruction-tuned model, or add chat_template.jinja to the folder"
        )
    return tokenizer


def load(binding: Binding) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """The model, in evaluation mode on its device, and its tokenizer.

    Raises:
        EngineError: there is no folder, its safetensors are missing or broken, or the tokenizer has
            no chat template.
    """
    lighten_transformers()
    import torch
    from transformers import AutoModelForCausalLM

    folder = model_folder(binding)
    adapter = adapted(folder) is not None
    if not adapter and not (folder / "config.json").is_file():
        raise EngineError(f"{binding.model}: no config.json in it, so it is not a model's folder")
    if next(folder.glob("*.safetensors"), None) is None:
        raise EngineError(
            f"{binding.model}: no safetensors in it. Pickled weights (.bin, .pt) are not read, as "
            "they can run code: convert them with model.save_pretrained(folder)"
        )
    tokenizer = chat_tokenizer(binding)
    if adapter:
        _require_peft(binding)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=resolved_dtype(binding),
            attn_implementation=_attention(folder),
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        model, report = loaded
        model.to(torch.device(resolved_device(binding)))
    except Exception as error:
        raise EngineError(
            f"{binding.model}: its weights cannot be loaded ({_shorten(error)}). If a file is cut "
            "off or damaged, write or download it again; otherwise check the role's dtype, device"
        ) from error
    # Transformers draws them at random, and the model answers like one that was never trained.
    if missing := sorted(report["missing_keys"]):
        raise EngineError(
            f"{binding.model}: its files lack {len(missing)} of the model's weights, such as "
            f"{missing[0]!r}. Write or download them again; weights that a model shares "
            "(embeddings and lm_head) need `tie_word_embeddings: true` in config.json"
        )
    model.requires_grad_(False)
    model.train(False)
    return model, tokenizer


def model_folder(binding: Binding) -> Path:
    """The folder of the binding's files. Files of a Hub id are downloaded, or taken from the cache.

    Raises:
        EngineError: it is neither a folder nor a Hub model that can be reached.
    """
    if not binding.model:
        raise EngineError(
            "this role names a server only; name its weights too ('model': a folder or a Hub id) "
            "to score with it or to train it"
        )
    folder = Path(expanduser(binding.model))
    if folder.is_dir():
        return folder
    if not is_hub_id(binding):
        raise EngineError(
            f"there is no model at {binding.model}: expected a folder with safetensors, a "
            "tokenizer and a config.json, or a Hub id such as Qwen/Qwen2.5-7B-Instruct"
        )
    return _snapshot(binding.model, binding.revision)


def reward_outputs(binding: Binding) -> tuple[str, ...]:
    """The names of the outputs of a reward model of attributes; empty if it is none, or if only a
    server has its weights."""
    return tuple(_configured(binding, "reward_outputs") or ())


def reward_mixture(binding: Binding) -> Mapping[str, Any]:
    """How a mixture of rewards is weighed (`trainers.MixtureReward`); empty if it is none, or if
    only a server has its weights."""
    return _configured(binding, "reward_mixture") or {}


def _configured(binding: Binding, name: str) -> Any:
    """A value in the configuration of a model; None if it has none, or is only on a server."""
    if not binding.model:
        return None
    config = model_folder(binding) / "config.json"
    return read_json(config).get(name) if config.is_file() else None


def resolved_device(binding: Binding) -> str:
    """The binding's device; by default a GPU if there is one, else the CPU. Replicas may have GPUs
    where this process has none."""
    import torch

    if binding.device:
        return binding.device
    if binding.gpus is not None:
        return "cuda" if binding.gpus else "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"


def resolved_dtype(binding: Binding) -> str:
    """The binding's number type. "auto" is the checkpoint's own on a GPU and float32 on a CPU."""
    if binding.dtype != "auto":
        return binding.dtype
    on_cpu = resolved_device(binding).startswith("cpu")
    if on_cpu and binding.engine_class.float32_on_cpu:
        return "float32"
    folder = model_folder(binding)
    base = adapted(folder)
    if base is not None:
        return resolved_dtype(base.model_copy(update={"device": resolved_device(binding)}))
    config = read_json(folder / "config.json")
    text = config.get("text_config") or {}
    names = [part.get(key) for part in (config, text) for key in ("dtype", "torch_dtype")]
    return str(next((name for name in names if name), "float32"))


def is_hub_id(binding: Binding) -> bool:
    """Whether it has the form ``owner/name`` and is not a path."""
    name = binding.model or ""
    parts = name.split("/")
    return (
        not Path(expanduser(name)).exists()
        and len(parts) == 2
        and all(part and part[0].isalnum() for part in parts)
    )


@lru_cache(maxsize=64)
def _snapshot(model: str, revision: str | None) -> Path:
    """The local folder, named by its commit. Resolved once per process, so that a role's model does
    not change during a run."""
    from huggingface_hub import snapshot_download

    options: dict[str, Any] = {"revision": revision, "allow_patterns": list(_READ)}
    try:
        return Path(snapshot_download(model, **options))
    except Exception as online:
        try:
            return Path(snapshot_download(model, local_files_only=True, **options))
        except Exception:
            raise EngineError(
                f"there is no folder {model}, and the Hub model {model} "
                f"(revision {revision or 'main'}) could not be downloaded ({_shorten(online)}) and "
                "is not in the local cache. Check the name, the connection and, for a gated "
                "model, that you are logged in"
            ) from online


def adapted(folder: Path) -> Binding | None:
    """The base model of the adapter in ``folder``; None if the folder has full weights."""
    adapter = folder / "adapter_config.json"
    if not adapter.is_file():
        return None
    base = read_json(adapter).get("base_model_name_or_path")
    if not base:
        raise EngineError(f"{adapter}: does not name the model that it adapts")
    return Binding(model=str(base), revision=read_json(adapter).get("revision"))


def weight_files(folder: Path) -> list[Path]:
    """The files of a model that can change an answer, in order."""
    return sorted({path for pattern in _READ for path in folder.glob(pattern) if path.is_file()})


@lru_cache(maxsize=4096)
def _file_digest(path: str, size: int, changed_ns: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _attention(folder: Path) -> str:
    """SDPA, or "eager" for a soft cap on attention scores (Gemma 2), which SDPA would ignore."""
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    text = config.get("text_config") or config
    return "eager" if text.get("attn_logit_softcapping") else "sdpa"


def _require_peft(binding: Binding) -> None:
    try:
        import peft  # type: ignore[import-not-found,unused-ignore]  # noqa: F401
    except ImportError as error:
        raise EngineError(
            f"{binding.model} is a PEFT adapter: install peft, or merge it into its base model "
            "(merge_and_unload) and save that"
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{path} cannot be read: {_shorten(error)}") from error
    if not isinstance(content, dict):
        raise EngineError(f"{path}: expected a JSON object")
    return content


def _shorten(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"
