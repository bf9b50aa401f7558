"""Binds a role to the weights that an earlier stage trained."""

import dataclasses
import logging

import polars as pl

from engines.bindings import Binding
from engines.context import Context
from engines.protocol import EngineError

log = logging.getLogger(__name__)


def bind_checkpoint(
    context: Context, role: str, checkpoints: pl.DataFrame, *, stage: str
) -> Context:
    """``context`` with ``role`` bound to a stage's checkpoint.

    Args:
        context: the context to change.
        role: the role.
        checkpoints: the output of ``stage``, one row of `schemas.Checkpoints`. If that stage
            trained nothing, it has the weights from which it would have started. Without a row, as
            before the first refresh of a recipe that reads an earlier one, the role keeps its own.
        stage: the stage's name.

    Raises:
        EngineError: there are several rows, or the role is not bound.
    """
    if checkpoints.is_empty():
        return context
    if checkpoints.height > 1:
        raise EngineError(
            f"recipe {context.recipe!r}, stage {context.stage!r} uses the one checkpoint of stage "
            f"{stage!r}, which gave {checkpoints.height}"
        )
    return with_weights(context, role, checkpoints["path"][0])


def with_weights(context: Context, role: str, model: str) -> Context:
    """``context`` with the weights of ``role`` replaced by ``model`` (a folder or a Hub id).

    The role keeps its engine, number type, device and options. A server cannot load other weights,
    so they are loaded in this process if the role is served.

    Raises:
        EngineError: the role is not bound.
    """
    if role not in context.roles:
        raise EngineError(
            f"recipe {context.recipe!r}, stage {context.stage!r} uses the role {role!r}, which is "
            "not bound: add it to roles: in factory.yaml"
        )
    binding = _with_weights(context.roles[role], model)
    return dataclasses.replace(context, roles={**context.roles, role: binding})


def _with_weights(role: Binding, model: str) -> Binding:
    revision = role.revision if model == role.model else None
    changed = role.model_copy(update={"model": model, "revision": revision})
    if role.engine_class.local_weights:
        return changed
    log.info("a server cannot load other weights, so %s is loaded in this process", model)
    return changed.in_process()
