"""A language model's body with a linear head in the place of its vocabulary. Imported only when
something is trained."""

import copy
from collections.abc import Mapping
from typing import Any

import torch

from engines.protocol import EngineError


def with_head(model: Any, kind: Any, *, what: str, settings: Mapping[str, Any]) -> Any:
    """A model of ``kind`` (an ``AutoModelFor...Classification``) with one label on the body of the
    language model ``model``; ``settings`` are put into its configuration.

    Its head begins at 0: a random one would have to be learnt away, and needs a seed. Raises
    `EngineError`, calling the head ``what``, where Transformers has no such model.
    """
    config = copy.deepcopy(model.config)
    config.num_labels = 1
    for name, value in settings.items():
        setattr(config, name, value)
    try:
        headed = kind.from_config(config, attn_implementation=model.config._attn_implementation)
        body = getattr(model, model.base_model_prefix).state_dict()
        getattr(headed, headed.base_model_prefix).load_state_dict(body)
        for weights in headed.score.parameters():
            torch.nn.init.zeros_(weights)
    except (ValueError, AttributeError, RuntimeError) as error:
        raise EngineError(
            f"{model.name_or_path}: a {type(model).__name__} takes no {what} ({error})"
        ) from error
    headed.to(device=model.device, dtype=model.dtype)
    headed.name_or_path = model.name_or_path
    return headed.train(False)
