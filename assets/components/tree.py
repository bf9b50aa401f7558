"""A Dagster component tree that reads ``defs.yaml`` as data.

Dagster's own loader fills in environment variables and Python expressions, imports the class that
``type:`` names, and runs Python files in the same folder. This tree does none of these: a file
declares only what `assets.project.folders` reads.
"""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from dagster.components.core.component_tree import ComponentTree
from dagster.components.core.context import ComponentDeclLoadContext
from dagster.components.core.decl import DefsFolderDecl, YamlDecl, YamlFileDecl
from dagster.components.core.defs_module import ComponentFileModel, ComponentPath
from dagster_shared.yaml_utils.source_position import LineCol, SourcePosition

from assets.components.dataset import Dataset
from assets.components.declared import DeclaredComponent
from assets.components.model import Model
from assets.components.recipe import Recipe
from assets.components.source import Source
from assets.config.bundled import PACKAGES
from assets.project.folders import Entry, declaring_file, read_file, subfolders
from assets.project.project import Project

TYPES: Mapping[str, type[DeclaredComponent]] = {
    kind.type_name: kind for kind in (Recipe, Source, Dataset, Model)
}


class _Declaration(YamlDecl):
    """One component that a file declares, before it is built."""

    @property
    def component_type(self) -> type[DeclaredComponent]:
        assert self.component_file_model is not None
        return TYPES[self.component_file_model.type]

    def _load_component(self) -> DeclaredComponent:
        assert self.component_file_model is not None
        assert isinstance(self.loc, ComponentPath)
        folder = self.loc.file_path
        attributes = self.component_file_model.attributes or {}
        tree = self.context.component_tree
        project = tree.project if isinstance(tree, RecipeTree) else None
        if project is not None and self.component_type is Recipe:
            return Recipe.of(project.recipes[attributes["name"]])
        return self.component_type.declared(attributes, declaring_file(folder) or folder)


class RecipeTree(ComponentTree):
    """The components in a folder of recipes and its subfolders.

    Attributes:
        project: The project of the recipes; None if they are not fitted to its sources.
    """

    project: Project | None = None

    @classmethod
    def of(cls, folder: Path, project: Project | None = None) -> Self:
        """The tree of ``folder``.

        A folder of recipes holds data and is not a Python package. Dagster needs a module, so it
        gets an empty one with the path of the folder.
        """
        module = ModuleType(f"recipes_{abs(hash(folder))}")
        module.__path__ = [str(folder)]
        module.__file__ = None
        tree = cls(defs_module=module, project_root=PACKAGES)
        tree.project = project
        return tree

    def _get_filesystem_decl(self) -> DefsFolderDecl:
        location = ComponentPath.from_path(self.defs_module_path)
        cached = self.state_tracker.get_cache_data(location).component_decl
        if cached is None:
            context = self.decl_load_context.for_component_loc(location)
            cached = _folder(context, self.defs_module_path, frozenset())
            self.state_tracker.set_cache_data(location, component_decl=cached)
        assert isinstance(cached, DefsFolderDecl)
        return cached


def _folder(
    context: ComponentDeclLoadContext, folder: Path, above: frozenset[Path]
) -> DefsFolderDecl:
    """The declarations in ``folder`` and its subfolders.

    A link to one of the folders ``above`` is not followed, because it would never end.
    """
    children: dict[Path, Any] = {}
    for subfolder in subfolders(folder, above):
        inner_context = context.for_component_loc(ComponentPath.from_path(subfolder))
        file = declaring_file(subfolder)
        if file is not None:
            children[subfolder] = _components(inner_context, subfolder, file)
            continue
        inner = _folder(inner_context, subfolder, above | {subfolder.resolve()})
        if inner.children:
            children[subfolder] = inner
    return DefsFolderDecl(
        context=context,
        loc=ComponentPath.from_path(folder),
        children=children,
        source_tree=None,
        component_file_model=None,
    )


def _components(context: ComponentDeclLoadContext, folder: Path, file: Path) -> YamlFileDecl:
    declarations, positions = [], []
    for number, entry in enumerate(read_file(file)):
        location = ComponentPath.from_path(folder, number)
        declarations.append(
            _Declaration(
                context=context.for_component_loc(location),
                loc=location,
                source_tree=None,
                # Attributes are validated when the component is built.
                component_file_model=ComponentFileModel.model_construct(
                    type=entry.type_name, attributes=entry.attributes
                ),
            )
        )
        positions.append(_position(entry))
    return YamlFileDecl(
        context=context,
        loc=ComponentPath.from_path(folder),
        decls=declarations,
        source_positions=positions,
    )


def _position(entry: Entry) -> SourcePosition:
    start = LineCol(line=entry.line, col=1)
    return SourcePosition(filename=str(entry.file), start=start, end=start)
