"""Weights on disk or on the Hub: the folder of a binding, loading, and revisions.

Only safetensors are read, and no code from a model's folder is ever run.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from os.path import expanduser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engines.adapters import adapted, with_adapter
from engines.bindings import Binding
from engines.folder_files import READ, file_digest, read_json, shortened, weight_files
from engines.protocol import EngineError
from schemas import canonical
from schemas.imports import without

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_VERSION = "weights-1"
"""Part of each digest. Increase it if this factory reads the same files as another model."""
_MERGED = "merged"
"""Part of an adapter's digest: it is merged into the weights, which rounds them."""
_HEADS: Mapping[str, Literal["SEQ_CLS", "TOKEN_CLS"]] = {
    "ForSequenceClassification": "SEQ_CLS",
    "ForTokenClassification": "TOKEN_CLS",
}


def weights_revision(binding: Binding) -> str:
    """A digest of weights, tokenizer, chat template, adapter and dtype.

    For a folder, ``sha:<32 hex digits>/<dtype>`` over the bytes of its files. For a Hub id,
    ``<id>@<commit>/<dtype>``.

    Raises:
        EngineError: there is no such model, or a file is not what its name says.
    """
    folder = model_folder(binding)
    base = adapted(folder)
    parts = [] if base is None else [_base_revision(binding, base), _MERGED]
    if is_hub_id(binding):
        parts.insert(0, f"{binding.model}@{folder.name}")
        return f"{'+'.join(parts)}/{resolved_dtype(binding)}"
    digest = hashlib.blake2b(_VERSION.encode(), digest_size=16)
    for path in weight_files(folder):
        digest.update(f"\n{path.relative_to(folder)} {file_digest(path)}".encode())
    digest.update(canonical(parts).encode())
    return f"sha:{digest.hexdigest()}/{resolved_dtype(binding)}"


def _base_revision(binding: Binding, base: Binding) -> str:
    # The base model runs where its adapter does.
    try:
        return weights_revision(base.model_copy(update={"gpus": binding.gpus}))
    except EngineError as error:
        raise EngineError(
            f"{binding.model} is a PEFT adapter, and its base model cannot be used: {error}. The "
            "base is base_model_name_or_path in adapter_config.json; or merge the two "
            "(merge_and_unload) and bind the role to the result"
        ) from error


@lru_cache
def lighten_transformers() -> None:
    """Keep Transformers from importing scikit-learn, which takes two seconds and is only for a way
    of generating that is not used here. To be called before it is imported."""
    with without("sklearn"):
        from transformers.utils.import_utils import is_sklearn_available

        # Its result is kept.
        is_sklearn_available()


def tokenizer_of(folder: Path, *, name: str) -> "PreTrainedTokenizerBase":
    """The tokenizer in the folder of the model ``name``, or that of the base model of an adapter
    without one. Raises `EngineError` if it cannot be read."""
    base = adapted(folder)
    if base is not None and next(folder.glob("tokenizer*"), None) is None:
        return tokenizer_of(model_folder(base), name=name)
    lighten_transformers()
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:
        raise EngineError(
            f"{name}: its tokenizer cannot be read ({shortened(error)}). Save the tokenizer "
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
    name, folder = binding.model, model_folder(binding)
    if adapted(folder) is None and not (folder / "config.json").is_file():
        raise EngineError(f"{name}: no config.json in it, so it is not a model's folder")
    if next(folder.glob("*.safetensors"), None) is None:
        raise EngineError(
            f"{name}: no safetensors in it. Pickled weights (.bin, .pt) are not read, as "
            "they can run code: convert them with model.save_pretrained(folder)"
        )
    tokenizer = chat_tokenizer(binding)
    model = _language_model(
        name, folder, dtype=resolved_dtype(binding), device=resolved_device(binding)
    )
    model.requires_grad_(False)
    model.train(False)
    return model, tokenizer


def _language_model(name: object, folder: Path, *, dtype: str, device: str) -> Any:
    """The language model in ``folder``, with its adapter merged into it if it has one."""
    from transformers import AutoModelForCausalLM

    base = adapted(folder)
    if base is not None:
        model = _language_model(base.model, model_folder(base), dtype=dtype, device=device)
        return with_adapter(model, folder, name=name)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=dtype,
            attn_implementation=_attention(folder),
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        model, report = loaded
        model.to(device)
    except Exception as error:
        raise EngineError(
            f"{name}: its weights cannot be loaded ({shortened(error)}). If a file is cut "
            "off or damaged, write or download it again; otherwise check the role's dtype, device"
        ) from error
    missing = sorted(report["missing_keys"])
    if head_of(str(folder)) is not None:  # A classifier is trained on; only its body is used.
        missing = [key for key in missing if key.startswith(f"{model.base_model_prefix}.")]
    # Transformers draws them at random, and the model answers like one that was never trained.
    if missing:
        raise EngineError(
            f"{name}: its files lack {len(missing)} of the model's weights, such as "
            f"{missing[0]!r}. Write or download them again; weights that a model shares "
            "(embeddings and lm_head) need `tie_word_embeddings: true` in config.json"
        )
    return model


def head_of(weights: str) -> Literal["SEQ_CLS", "TOKEN_CLS"] | None:
    """The task type of a model with a reward head: of whole answers, or of their steps. None for a
    language model."""
    config = model_folder(Binding(model=weights)) / "config.json"
    names = read_json(config).get("architectures") or [] if config.is_file() else []
    heads = [head for name in names for end, head in _HEADS.items() if name.endswith(end)]
    return heads[0] if heads else None


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

    options: dict[str, Any] = {"revision": revision, "allow_patterns": list(READ)}
    try:
        return Path(snapshot_download(model, **options))
    except Exception as online:
        try:
            return Path(snapshot_download(model, local_files_only=True, **options))
        except Exception:
            raise EngineError(
                f"there is no folder {model}, and the Hub model {model} "
                f"(revision {revision or 'main'}) could not be downloaded ({shortened(online)}) "
                "and is not in the local cache. Check the name, the connection and, for a gated "
                "model, that you are logged in"
            ) from online


def _attention(folder: Path) -> str:
    """SDPA, or "eager" for a soft cap on attention scores (Gemma 2), which SDPA would ignore."""
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    text = config.get("text_config") or config
    return "eager" if text.get("attn_logit_softcapping") else "sdpa"
