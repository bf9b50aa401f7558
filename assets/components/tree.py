"""How Dagster is shown components: through a tree that reads ``defs.yaml`` as data.

Dagster's own loader puts the environment and Python expressions into attributes, imports whatever
``type:`` names and runs the Python files beside it. Here a file declares what
`assets.project.folders` reads. Where a component is shown, and that it is one, stays Dagster's.
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
from assets.components.recipe import Recipe
from assets.components.source import Source
from assets.config.bundled import PACKAGES
from assets.project.folders import Entry, declaring_file, read_file, subfolders

TYPES: Mapping[str, type[DeclaredComponent]] = {
    kind.type_name: kind for kind in (Recipe, Source, Dataset)
}


class _Declaration(YamlDecl):
    """One component of a file, before it is made."""

    @property
    def component_type(self) -> type[DeclaredComponent]:
        assert self.component_file_model is not None
        return TYPES[self.component_file_model.type]

    def _load_component(self) -> DeclaredComponent:
        assert self.component_file_model is not None
        assert isinstance(self.loc, ComponentPath)
        folder = self.loc.file_path
        attributes = self.component_file_model.attributes
        return self.component_type.declared(attributes, declaring_file(folder) or folder)


class RecipeTree(ComponentTree):
    """The components below a folder of recipes."""

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The tree of ``folder``. Folders of recipes hold data, so they are no packages: Dagster is
        given a module that exists only to say where they are."""
        module = ModuleType(f"recipes_{abs(hash(folder))}")
        module.__path__ = [str(folder)]
        module.__file__ = None
        return cls(defs_module=module, project_root=PACKAGES)

    def _get_filesystem_decl(self) -> DefsFolderDecl:
        location = ComponentPath.from_path(self.defs_module_path)
        kept = self.state_tracker.get_cache_data(location).component_decl
        if kept is None:
            context = self.decl_load_context.for_component_loc(location)
            kept = _folder(context, self.defs_module_path, frozenset())
            self.state_tracker.set_cache_data(location, component_decl=kept)
        assert isinstance(kept, DefsFolderDecl)
        return kept


def _folder(
    context: ComponentDeclLoadContext, folder: Path, above: frozenset[Path]
) -> DefsFolderDecl:
    """All that lies in ``folder``; a link to one of those ``above`` is not followed."""
    children: dict[Path, Any] = {}
    for inside in subfolders(folder, above):
        below = context.for_component_loc(ComponentPath.from_path(inside))
        file = declaring_file(inside)
        if file is not None:
            children[inside] = _components(below, inside, file)
            continue
        deeper = _folder(below, inside, above | {inside.resolve()})
        if deeper.children:
            children[inside] = deeper
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
        place = ComponentPath.from_path(folder, number)
        declarations.append(
            _Declaration(
                context=context.for_component_loc(place),
                loc=place,
                source_tree=None,
                # What is wrong with the attributes is raised when the component is made.
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
    begins = LineCol(line=entry.line, col=1)
    return SourcePosition(filename=str(entry.file), start=begins, end=begins)
