"""PEFT adapters: folders with changes to the weights of a base model."""

from pathlib import Path
from typing import Any

from safetensors import safe_open

from engines.bindings import Binding
from engines.folder_files import read_json, shortened
from engines.protocol import EngineError

_CONFIG = "adapter_config.json"
_TASKS = {None, "CAUSAL_LM"}


def adapted(folder: Path) -> Binding | None:
    """The base model of the adapter in ``folder``; None if the folder has full weights."""
    adapter = folder / _CONFIG
    if not adapter.is_file():
        return None
    config = read_json(adapter)
    base = config.get("base_model_name_or_path")
    if not base:
        raise EngineError(f"{adapter}: does not name the model that it adapts")
    return Binding(model=str(base), revision=config.get("revision"))


def merge_first(name: object, needs: str, *, kind: str = "CausalLM") -> EngineError:
    """The error of an adapter where full weights are needed."""
    return EngineError(
        f"{name} is a PEFT adapter, and {needs} full weights: merge it into its base model "
        f"(peft.AutoPeftModelFor{kind}.from_pretrained(folder).merge_and_unload(), then "
        "save_pretrained of it and of the tokenizer into a new folder), and bind the role to that"
    )


def with_adapter(model: Any, folder: Path, *, name: object) -> Any:
    """The language model ``model`` with the adapter in ``folder`` merged into its weights.

    The embeddings are resized if the adapter has others.

    Raises:
        EngineError: peft is not installed, or the adapter is not one of this model.
    """
    try:
        from peft import PeftConfig, PeftModel
    except ImportError as error:
        raise EngineError(
            f"{name} is a PEFT adapter: install peft, or merge it into its base model "
            "(merge_and_unload) and save that"
        ) from error
    try:
        config = PeftConfig.from_pretrained(str(folder))
        if config.task_type not in _TASKS:
            raise EngineError(
                f"{name} is an adapter of task {config.task_type}, not of a language model "
                "(CAUSAL_LM): it can neither write nor score texts"
            )
        if config.is_prompt_learning:
            raise EngineError(
                f"{name} is an adapter of kind {config.peft_type}, which adds tokens to prompts "
                "and cannot be merged. Train a LoRA adapter instead"
            )
        _fit_embeddings(model, folder, name=name)
        adapter = PeftModel(model, config, autocast_adapter_dtype=False)
        report = adapter.load_adapter(str(folder), "default", torch_device=str(model.device))
        merged = adapter.merge_and_unload()
    except EngineError:
        raise
    except Exception as error:
        raise _another(name, model, shortened(error)) from error
    for keys, what in (
        (report.missing_keys, "has no weights for"),
        (report.unexpected_keys, "has weights of a module that the model lacks,"),
    ):
        if keys:
            raise _another(name, model, f"it {what} {sorted(keys)[0]!r}")
    return merged


def _fit_embeddings(model: Any, folder: Path, *, name: object) -> None:
    """Give ``model`` as many embeddings as the adapter has, if it has any. Raises `EngineError` if
    it changes embeddings that are the head too, of which PEFT changes one only."""
    embeddings = model.get_input_embeddings()
    place = next(place for place, module in model.named_modules() if module is embeddings)
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as stored:
        names = stored.keys()
        keys = {name.removeprefix(f"base_model.model.{place}."): name for name in names}
        if model.config.get_text_config().tie_word_embeddings and any(
            key.startswith("lora_") for key in keys
        ):
            raise EngineError(
                f"{name} adapts embeddings that {model.name_or_path} uses as its head too "
                "(tie_word_embeddings), which cannot be merged. Train an adapter without them"
            )
        for end in keys.keys() & {"weight", "base_layer.weight"}:
            rows = stored.get_slice(keys[end]).get_shape()[0]
            if rows != embeddings.num_embeddings:
                model.resize_token_embeddings(rows, mean_resizing=False)


def _another(name: object, model: Any, why: str) -> EngineError:
    return EngineError(
        f"{name} is not an adapter of {model.name_or_path} ({why}). Name the model that it was "
        f"trained on as base_model_name_or_path in its {_CONFIG}; if that is named, write or "
        "download the adapter again"
    )
