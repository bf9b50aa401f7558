"""A role given other weights: those that an earlier stage trained."""

import dataclasses
import logging

import polars as pl

from engines.bindings import Binding
from engines.context import Context
from engines.protocol import EngineError

log = logging.getLogger(__name__)


def bound(context: Context, role: str, checkpoints: pl.DataFrame, *, stage: str) -> Context:
    """``context`` with ``role`` bound to the weights in ``checkpoints``, the one row of
    `schemas.Checkpoints` that ``stage`` gave.

    Where that stage trained nothing these are the weights that it would have started from.
    Raises `EngineError` if the stage gave more or less than one, or the role is bound to nothing.
    """
    if checkpoints.height != 1:
        raise EngineError(
            f"recipe {context.recipe!r}, stage {context.stage!r} uses the one checkpoint of stage "
            f"{stage!r}, which gave {checkpoints.height}"
        )
    return with_weights(context, role, checkpoints["path"][0])


def with_weights(context: Context, role: str, model: str) -> Context:
    """``context`` with the weights ``model`` (a folder or a Hub id) in the place of ``role``'s.

    Engine, number type, device and options stay the role's. A server cannot be given weights, so
    those of a served role are loaded in process. Raises `EngineError` if it is bound to nothing.
    """
    if role not in context.roles:
        raise EngineError(
            f"recipe {context.recipe!r}, stage {context.stage!r} answers as the role {role!r} "
            "does, which is bound to nothing: add it to roles: in factory.yaml"
        )
    binding = _with_weights(context.roles[role], model)
    return dataclasses.replace(context, roles={**context.roles, role: binding})


def _with_weights(role: Binding, model: str) -> Binding:
    revision = role.revision if model == role.model else None
    changed = role.model_copy(update={"model": model, "revision": revision})
    if role.engine_class.local_weights:
        return changed
    log.info("a server cannot be given weights, so %s answers in process", model)
    return changed.in_process()
