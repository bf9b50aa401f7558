"""The assets that show in Dagster what a project cannot use, and why.

They are in the group ``refused``. Nothing runs for them, so they fail no run, and they are gone
when the file is mended and the code location is loaded again.
"""

from collections.abc import Iterable

import dagster as dg

from assets.project.refusal import REFUSED, Refusal
from assets.rendering.markdown import escaped


def refused_assets(refusals: Iterable[Refusal]) -> list[dg.AssetSpec]:
    """An asset ``refused/<name>`` for each refusal, with the error as its description."""
    specs: dict[dg.AssetKey, dg.AssetSpec] = {}
    for each in refusals:
        key = dg.AssetKey([REFUSED, each.name])
        while key in specs:
            key = dg.AssetKey([REFUSED, f"{key.path[-1]}_"])
        why = "is wrong" if each.is_broken else "cannot run with these models and sources"
        specs[key] = dg.AssetSpec(
            key,
            group_name=REFUSED,
            description=f"**This {each.kind} {why}.** {escaped(str(each.error))}",
            kinds={each.kind},
            metadata={
                "file": dg.MetadataValue.path(str(each.file)),
                **({"stage": each.error.stage} if each.error.stage else {}),
                **({"field": each.error.field} if each.error.field else {}),
            },
        )
    return list(specs.values())
