"""A Dagster component tree that reads ``defs.yaml`` as data.

Dagster's own loader fills in environment variables and Python expressions, imports the class that
``type:`` names, and runs Python files in the same folder. This tree does none of these: a file
declares only what `assets.project.folders` reads, and its components are made of that.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from dagster.components.core.component_tree import ComponentTree
from dagster.components.core.context import ComponentDeclLoadContext
from dagster.components.core.decl import DefsFolderDecl, YamlDecl, YamlFileDecl
from dagster.components.core.defs_module import ComponentPath
from dagster_shared.yaml_utils.source_position import LineCol, SourcePosition

from assets.components.dataset import Dataset
from assets.components.declared import DeclaredComponent
from assets.components.model import Model
from assets.components.recipe import Recipe
from assets.components.source import Source
from assets.config.bundled import PACKAGES
from assets.project.declaration import Declaration

TYPES: Mapping[str, type[DeclaredComponent]] = {
    kind.type_name: kind for kind in (Recipe, Source, Dataset, Model)
}


class _Component(YamlDecl):
    """One component that a file declares, before it is built."""

    @property
    def spec(self) -> Declaration:
        """Its declaration."""
        assert isinstance(self.loc, ComponentPath)
        assert isinstance(self.context.component_tree, RecipeTree)
        assert isinstance(self.loc.instance_key, int)
        return self.context.component_tree.declared[self.loc.file_path][self.loc.instance_key]

    @property
    def component_type(self) -> type[DeclaredComponent]:
        return TYPES[self.spec.type_name]

    def _load_component(self) -> DeclaredComponent:
        return self.component_type.of(self.spec)


class RecipeTree(ComponentTree):
    """The components in a folder of recipes and its subfolders.

    Attributes:
        declared: The declarations of each folder that has a ``defs.yaml``.
    """

    declared: Mapping[Path, Sequence[Declaration]]

    @classmethod
    def of(cls, folder: Path, declared: Iterable[Declaration]) -> Self:
        """The tree of ``folder``.

        A folder of recipes holds data and is not a Python package. Dagster needs a module, so it
        gets an empty one with the path of the folder.

        Args:
            folder: The folder.
            declared: The declarations in it.
        """
        module = ModuleType(f"recipes_{abs(hash(folder))}")
        module.__path__ = [str(folder)]
        module.__file__ = None
        tree = cls(defs_module=module, project_root=PACKAGES)
        by_folder: dict[Path, list[Declaration]] = {}
        for each in declared:
            by_folder.setdefault(Path(each.file).parent, []).append(each)
        tree.declared = by_folder
        return tree

    def _get_filesystem_decl(self) -> DefsFolderDecl:
        location = ComponentPath.from_path(self.defs_module_path)
        cached = self.state_tracker.get_cache_data(location).component_decl
        if cached is None:
            context = self.decl_load_context.for_component_loc(location)
            folders = list(self.declared)
            cached = _folder(context, self.defs_module_path, folders, self.declared)
            self.state_tracker.set_cache_data(location, component_decl=cached)
        assert isinstance(cached, DefsFolderDecl)
        return cached


def recipe_trees(folders: Sequence[Path], declared: Iterable[Declaration]) -> list[RecipeTree]:
    """The tree of each of ``folders``. Every declaration is in that of the first that holds it."""
    inside: dict[Path, list[Declaration]] = {folder: [] for folder in folders}
    for each in declared:
        holding = next(folder for folder in folders if Path(each.file).is_relative_to(folder))
        inside[holding].append(each)
    return [RecipeTree.of(folder, found) for folder, found in inside.items()]


def _folder(
    context: ComponentDeclLoadContext,
    folder: Path,
    inside: Sequence[Path],
    declared: Mapping[Path, Sequence[Declaration]],
) -> DefsFolderDecl:
    """The folder with those ``inside`` it that have a ``defs.yaml``."""
    children: dict[Path, Any] = {}
    for child, below in groupby(inside, lambda each: folder / each.relative_to(folder).parts[0]):
        inner = context.for_component_loc(ComponentPath.from_path(child))
        if child in declared:
            children[child] = _components(inner, child, declared[child])
        else:
            children[child] = _folder(inner, child, list(below), declared)
    return DefsFolderDecl(
        context=context,
        loc=ComponentPath.from_path(folder),
        children=children,
        source_tree=None,
        component_file_model=None,
    )


def _components(
    context: ComponentDeclLoadContext, folder: Path, specs: Sequence[Declaration]
) -> YamlFileDecl:
    locations = [ComponentPath.from_path(folder, number) for number in range(len(specs))]
    return YamlFileDecl(
        context=context,
        loc=ComponentPath.from_path(folder),
        decls=[
            _Component(
                context=context.for_component_loc(location),
                loc=location,
                source_tree=None,
                component_file_model=None,
            )
            for location in locations
        ],
        source_positions=[_position(spec) for spec in specs],
    )


def _position(spec: Declaration) -> SourcePosition:
    start = LineCol(line=spec.line, col=1)
    return SourcePosition(filename=str(spec.file), start=start, end=start)
