"""Whether replicas fit on the cluster, and whether its nodes see what they need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.project.project import Project
from assets.project.recipe_plan import Stage
from engines.bindings import Binding
from engines.cluster.connection import connected
from engines.cluster.inventory import nodes_of, unlike_here, unseen
from engines.cluster.placement import Node, can_hold, demand, fitting
from schemas import Checkpoints
from schemas.atomic import temporary_folder


@dataclass(frozen=True)
class Pool:
    """The replicas of a role's engine. ``fit``: how many of them fit."""

    role: str
    binding: Binding
    fit: int = 0


@dataclass(frozen=True)
class ClusterCheck:
    """What was found.

    Attributes:
        nodes: The nodes of the cluster.
        together: The replicas that run at once, by stage; without a recipe, by role.
        unread: Why nodes cannot read the files that a role needs, by role and node.
    """

    nodes: Sequence[Node]
    together: Mapping[str, Sequence[Pool]]
    unread: Mapping[str, Mapping[str, str]]

    @property
    def fits(self) -> bool:
        """Whether all replicas fit, and every node can read what they need."""
        pools = [pool for pools in self.together.values() for pool in pools]
        return not self.unread and all(pool.fit == pool.binding.replicas for pool in pools)

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "nodes": {node.name: dict(node.resources) for node in self.nodes},
            "replicas": {
                name: [
                    {
                        "role": pool.role,
                        "replicas": pool.binding.replicas,
                        "fit": pool.fit,
                        "each": demand(pool.binding),
                    }
                    for pool in pools
                ]
                for name, pools in self.together.items()
            },
            "unread": {role: dict(nodes) for role, nodes in self.unread.items()},
            "fits": self.fits,
        }


def checked_cluster(project: Project, recipe: str | None) -> ClusterCheck:
    """Check the replicas of a recipe's stages; None: those of all roles, each by itself.

    Raises:
        FactoryError: The recipe cannot run.
        EngineError: There is no such cluster, or a model is not on this machine.
    """
    settings = project.settings
    bindings = settings.bindings()
    trains = False
    if recipe is None:
        pools_by_stage = {
            role: [Pool(role, each)] for role, each in bindings.items() if each.replicas
        }
    else:
        project.require(recipe)
        stages = project.recipes[recipe].planned(settings)
        pools_by_stage = {stage.name: pools_of(stage, bindings) for stage in stages}
        trains = any(stage.gives is Checkpoints for stage in stages)
    ray = connected(settings.cluster)
    nodes = nodes_of(ray)
    together = {}
    for name, pools in pools_by_stage.items():
        fit = fitting([pool.binding for pool in pools], nodes)
        together[name] = [
            Pool(pool.role, pool.binding, count) for pool, count in zip(pools, fit, strict=True)
        ]
    unread = {}
    for role, binding in {
        p.role: p.binding for pools in pools_by_stage.values() for p in pools
    }.items():
        holding = [node for node in nodes if can_hold(node, binding)]
        unread[role] = unlike_here(ray, holding, binding)
        if trains and role.startswith("policy"):
            unread[role] |= _without_models(ray, holding, settings.models_path)
    return ClusterCheck(nodes, together, {role: wrong for role, wrong in unread.items() if wrong})


def pools_of(stage: Stage, bindings: Mapping[str, Binding]) -> list[Pool]:
    """The replicas that run while a stage does. Roles with the same binding share theirs.

    Args:
        stage: The stage.
        bindings: The binding of each role.
    """
    pools: dict[tuple[str, str], Pool] = {}
    for use in stage.operator.roles():
        # Policies of other refreshes have weights of their own.
        role, _, which = use.role.partition("@")
        for need in use.needs:
            binding = None if need == "weights" else bindings[role].answering(need)
            if binding is not None and binding.replicas is not None:
                key = which, binding.model_dump_json(exclude={"templates", "licence"})
                pools.setdefault(key, Pool(use.role, binding))
    return list(pools.values())


def _without_models(ray: Any, nodes: Sequence[Node], models: Path) -> dict[str, str]:
    """The nodes that do not see the folder of trained models, from which the policy is sampled."""
    models.mkdir(parents=True, exist_ok=True)
    with temporary_folder(".seen-", place=models) as folder:
        wrong = unseen(ray, nodes, folder)
    return dict.fromkeys(
        wrong, f"does not see {models}, the folder of trained models (models: in factory.yaml)"
    )
