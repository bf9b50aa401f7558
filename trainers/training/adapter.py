"""LoRA adapters: their configuration and their files. Imported only when something is trained."""

from pathlib import Path
from typing import Any

from engines.bindings import Binding
from trainers.training.method import LoRA

_TRAINED = "default"
"""The name that `peft` gives to the adapter. TRL may keep another one as the reference."""


def adapter_config(lora: LoRA, task: str) -> Any:
    """The `peft` configuration of ``lora`` for a model of the task type ``task``."""
    from peft import LoraConfig  # optional

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets if isinstance(lora.targets, str) else list(lora.targets),
        task_type=task,
    )


def save_adapter(model: Any, folder: Path, base: Binding) -> None:
    """Write the trained adapter of ``model``, a `peft.PeftModel`, for the weights of ``base``.

    The folder holds ``adapter_model.safetensors`` and ``adapter_config.json``. `peft` adds it to
    the base model, and a role can be bound to it.
    """
    config = model.peft_config[_TRAINED]
    config.base_model_name_or_path, config.revision = base.model, base.revision
    # The tokenizer has no new tokens, so no embedding is a part of the adapter.
    model.save_pretrained(folder, selected_adapters=[_TRAINED], save_embedding_layers=False)
    # The card of `peft` is a form that nobody has filled in.
    (folder / "README.md").unlink(missing_ok=True)
