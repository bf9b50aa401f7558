"""What ``factory cluster`` prints."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from engines.cluster.placement import demand, described

if TYPE_CHECKING:
    from assets.project.replicas import ClusterCheck


def nodes_table(check: "ClusterCheck") -> Table:
    """The nodes and what they have."""
    table = Table(title="nodes", title_justify="left", title_style="bold")
    table.add_column("node", overflow="fold")
    names = sorted({name for node in check.nodes for name in node.resources} - {"CPU", "GPU"})
    for name in ("CPU", "GPU", *names):
        table.add_column(name, justify="right", overflow="fold")
    for node in check.nodes:
        numbers = [node.resources.get(name, 0) for name in ("CPU", "GPU", *names)]
        table.add_row(Text(node.name), *(f"{number:g}" for number in numbers))
    return table


def cluster_lines(check: "ClusterCheck") -> Iterator[Text]:
    """Which replicas fit, and what nodes cannot read."""
    if not any(check.together.values()):
        yield Text("no role has replicas: set replicas and gpus of a role in factory.yaml")
    for name, pools in check.together.items():
        for pool in pools:
            replicas = pool.binding.replicas or 0
            where = "" if name == pool.role else f"{name}: "
            yield Text(
                f"{where}{pool.role}: {pool.fit:,} of {replicas:,} replicas fit, each takes "
                f"{described(demand(pool.binding))}",
                style="" if pool.fit == replicas else "yellow",
            )
    for role, nodes in check.unread.items():
        for node, reason in nodes.items():
            yield Text(f"{role}: {node}: {reason}", style="yellow")
    if check.fits and any(check.together.values()):
        yield Text("all fit, and every node that has room for one reads the same weights")
