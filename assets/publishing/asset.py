"""The assets ``published/…``: an export after each run that makes a recipe's data, a dataset or a
model."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.config.hub_address import repository
from assets.execution.executor import own_pool
from assets.execution.retry import as_dagster_failure, retried
from assets.execution.unmeasured import unmeasured
from assets.project.project import Project
from assets.project.publish import PUBLISHED, Publish
from assets.project.resources import Resources
from assets.publishing.checks import CHECKS, ExportCheckError
from assets.publishing.publish import Publishing, kind_of, publish, unpromoted
from assets.rendering.markdown import escaped


def published_key(name: str) -> dg.AssetKey:
    """The key of the export of a recipe, of ``datasets/NAME`` or of ``models/NAME``."""
    return dg.AssetKey([PUBLISHED, *(name.split("/") if "/" in name else ["recipes", name])])


def published_asset(
    project: Project,
    name: str,
    to: Publish,
    deps: list[dg.AssetKey],
    condition: dg.AutomationCondition[Any] | None = None,
) -> dg.AssetsDefinition:
    """The asset of an export. It has no partitions.

    A failure is retried and reported as that of a stage. The Hub gets no commit if nothing changed.

    Args:
        project: The project.
        name: The name of a recipe, ``datasets/NAME`` or ``models/NAME``.
        to: Where it is published.
        deps: What is exported.
        condition: When it is made without a job.
    """
    key = published_key(name)
    repo = repository(to.to, kind_of(name))
    place = to.to if repo else str(project.settings.resolved(to.to))

    @dg.asset(
        key=key,
        group_name=PUBLISHED,
        description=f"{escaped(name)}, exported to {escaped(to.to)} "
        + ("for everybody" if to.public else "for you or your organisation"),
        kinds={"huggingface" if repo else "parquet"},
        deps=deps,
        automation_condition=condition,
        pool=own_pool(key.path),
        required_resource_keys={"factory"},
        check_specs=[
            dg.AssetCheckSpec(check, asset=key, description=what) for check, what in CHECKS.items()
        ],
    )
    def published(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        factory: Resources = context.resources.factory
        with (
            retried(context.run, context.retry_number, factory.settings.retries),
            as_dagster_failure(),
        ):
            if (why := unpromoted(project, name)) is not None:
                yield dg.MaterializeResult(
                    metadata={"says": why, "changed": False},
                    check_results=[unmeasured(why, check_name=check) for check in CHECKS],
                )
                return
            try:
                done = publish(project, name, place, format=to.format, public=to.public)
            except ExportCheckError as error:
                yield dg.AssetCheckResult(
                    check_name=error.check, passed=False, description=str(error)
                )
                raise
        yield dg.MaterializeResult(
            metadata=_metadata(done, place),
            check_results=[dg.AssetCheckResult(check_name=check, passed=True) for check in CHECKS],
        )

    return published


def _metadata(done: Publishing, place: str) -> dict[str, Any]:
    exported, published = done.exported, done.published
    metadata: dict[str, Any] = {
        "rows": exported.rows,
        "what": exported.what,
        "left out": exported.left_out,
    }
    if exported.version is not None:
        metadata["version"] = exported.version
    if published is None:
        return metadata | {"path": dg.MetadataValue.path(place)}
    return metadata | {
        "url": dg.MetadataValue.url(published.url),
        "commit": published.commit,
        "changed": published.changed,
        "public": published.public,
    }
