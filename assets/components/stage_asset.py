"""The Dagster asset of a stage of a recipe.

``@dg.asset`` reads the signature and the class of the configuration of each function anew. The
functions of all stages have one signature, so their assets are made of their parts, in a fifth of
the time. That counts: a project has more than a thousand.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import dagster as dg

Config = TypeVar("Config", bound=dg.Config)

Compute = Callable[[dg.AssetExecutionContext, Mapping[str, Any]], Iterator[Any]]
"""Yields the results of an asset, from the values of its inputs by name."""


def stage_asset(
    compute: Compute,
    spec: dg.AssetSpec,
    *,
    config: type[dg.Config],
    checks: Sequence[dg.AssetCheckSpec],
    ins: Mapping[str, dg.AssetKey] | None = None,
    pool: str | None = None,
) -> dg.AssetsDefinition:
    """Make an asset that `TablesIOManager` stores, and its checks.

    Args:
        compute: Computes the asset.
        spec: The asset. Its dependencies hold those of ``ins``.
        config: The class of its run configuration (`run_configuration`).
        checks: The checks whose results ``compute`` yields.
        ins: The assets that are given to ``compute``, by the names of its inputs.
        pool: The pool in which it waits.
    """
    named = {name: (key, dg.In()) for name, key in (ins or {}).items()}
    taken = {key for key, _ in named.values()}
    for dep in spec.deps:
        if dep.asset_key not in taken:
            named["_".join(dep.asset_key.path)] = (dep.asset_key, dg.In(dg.Nothing))
    by_output = {check.get_python_identifier(): check for check in checks}
    op = dg.OpDefinition(
        compute_fn=compute,
        name=spec.key.to_python_identifier(),
        description=spec.description,
        ins={name: asked for name, (_, asked) in named.items()},
        outs={
            "result": dg.Out(
                io_manager_key="tables",
                description=spec.description,
                metadata=dict(spec.metadata),
                code_version=spec.code_version,
            ),
            **{name: dg.Out(None) for name in by_output},
        },
        config_schema=_field(config),
        required_resource_keys={"factory"},
        code_version=spec.code_version,
        pool=pool,
    )
    return dg.AssetsDefinition(
        node_def=op,
        keys_by_input_name={name: key for name, (key, _) in named.items()},
        keys_by_output_name={"result": spec.key},
        check_specs_by_output_name=by_output,
        specs=[spec],
    )


def run_configuration(context: dg.AssetExecutionContext, config: type[Config]) -> Config:
    """The run configuration of an asset that has the class ``config``."""
    return config(**context.op_execution_context.op_config)


@cache
def _field(config: type[dg.Config]) -> dg.Field:
    return config.to_config_schema().as_field()
