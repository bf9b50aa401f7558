"""A language model's body with a linear head instead of its vocabulary. Imported only when
something is trained."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from engines.protocol import EngineError

_HEAD = "score."


def with_head(
    model: Any,
    kind: Any,
    *,
    what: str,
    settings: Mapping[str, Any],
    labels: int = 1,
    begins: bool = False,
) -> Any:
    """A model of ``kind`` (an ``AutoModelFor...Classification``) with so many ``labels``, on the
    body of the language model ``model``. A model that was trained with the same head keeps it.
    Otherwise the weights of the head are 0: random ones would need a seed and would have to be
    unlearned.

    Args:
        model: the language model.
        kind: the class of the new model.
        what: the name of the head in errors.
        settings: added to the configuration.
        labels: the numbers that the head gives.
        begins: if the trained head has another number of labels, the first ones keep what they are.

    Raises:
        EngineError: Transformers has no such model.
    """
    config = copy.deepcopy(model.config)
    config.num_labels = labels
    for name, value in settings.items():
        setattr(config, name, value)
    try:
        headed = kind.from_config(config, attn_implementation=model.config._attn_implementation)
        body = getattr(model, model.base_model_prefix).state_dict()
        getattr(headed, headed.base_model_prefix).load_state_dict(body)
        for weights in headed.score.parameters():
            torch.nn.init.zeros_(weights)
        if all(getattr(model.config, name, None) == value for name, value in settings.items()):
            stored, fresh = _trained_head(model.name_or_path), headed.score.state_dict()
            if begins:
                stored = _first_labels(stored, fresh)
            if all(stored[name].shape == fresh[name].shape for name in stored.keys() & fresh):
                headed.score.load_state_dict(stored, strict=False)
    except (ValueError, AttributeError, RuntimeError) as error:
        raise EngineError(
            f"{model.name_or_path}: a {type(model).__name__} does not support a {what} ({error})"
        ) from error
    headed.to(device=model.device, dtype=model.dtype)
    headed.name_or_path = model.name_or_path
    return headed.train(False)


def _first_labels(
    stored: Mapping[str, torch.Tensor], fresh: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """``fresh``, with the labels that ``stored`` has too."""
    grown = {name: weights.clone() for name, weights in fresh.items()}
    for name in grown.keys() & stored:
        shared = min(len(grown[name]), len(stored[name]))
        grown[name][:shared] = stored[name][:shared]
    return grown


def _trained_head(folder: str) -> dict[str, torch.Tensor]:
    """The weights of the head in a model's folder, by their names in it; empty if it has none."""
    tensors: dict[str, torch.Tensor] = {}
    for file in Path(folder).glob("*.safetensors"):
        with safe_open(file, framework="pt") as stored:
            tensors |= {
                name.removeprefix(_HEAD): stored.get_tensor(name)
                for name in stored.keys()  # noqa: SIM118  # no mapping
                if name.startswith(_HEAD)
            }
    return tensors
