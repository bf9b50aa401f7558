"""Components as ``defs.yaml`` declares them: data, of which nothing is filled in or run.

Dagster's own loader puts the environment and Python expressions into attributes, imports whatever
``type:`` names and runs the Python files that lie beside. Recipes are read here instead: three
types, attributes as they stand. Where a component is shown, and that it is one, stays Dagster's.
"""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, Self

import dagster as dg
from dagster.components.core.component_tree import ComponentTree
from dagster.components.core.context import ComponentDeclLoadContext
from dagster.components.core.decl import DefsFolderDecl, YamlDecl, YamlFileDecl
from dagster.components.core.defs_module import ComponentFileModel, ComponentPath
from dagster_shared.yaml_utils.source_position import LineCol, SourcePosition
from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from assets.errors import NAME_RULE, RecipeError, is_name, near, parameter_error
from assets.yaml_file import LONGEST_NAME, Document, YamlError, documents, unsound
from schemas.parameters import refuse_truth

LARGEST = 1e9
"""The largest number that a component may hold, its seeds left out."""
_PARTS = ("type", "attributes")
_FILES = ("defs.yaml", "defs.yml", "component.yaml")


def _identifier(name: str) -> str:
    if not is_name(name):
        raise ValueError(NAME_RULE)
    return name


Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_identifier)]
"""What a component is called, in the names of files as well."""


class Declared(dg.Component, dg.Model, dg.Resolvable):
    """A component whose attributes are taken as they stand in the file."""

    taken: ClassVar[frozenset[str]] = frozenset()
    """Names that no component of the kind may have."""

    name: Name

    _file: Path | str = PrivateAttr(default="(no file)")

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, given: Any, info: ValidationInfo) -> Any:
        return refuse_truth(given, cls.model_fields[str(info.field_name)].annotation)

    @classmethod
    def declared(cls, attributes: Any, file: Path | str) -> Self:
        """The component of these attributes. Raises `RecipeError`, naming the file and field."""
        if not isinstance(attributes, Mapping):
            raise RecipeError("must be a mapping: {name: ..., ...}", file=file, field="attributes")
        wrong = unsound(dict(attributes), largest=LARGEST)
        if wrong is not None:
            raise RecipeError(wrong[1], file=file, field=wrong[0] or "attributes")
        try:
            made = cls.model_validate(dict(attributes))
        except ValidationError as error:
            kind = f"assets.{cls.__name__}"
            raise parameter_error(error, cls.model_fields, of=kind, file=file) from None
        if made.name in cls.taken:
            raise RecipeError(f"the name {made.name!r} is taken", file=file, field="name")
        made._file = file
        made.ready()
        return made

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> Self:
        """The same, where Dagster's own loader reads the file."""
        file = _declaring(context.path) or context.path
        return cls.declared(attributes and attributes.model_dump(exclude_unset=True), file)

    def ready(self) -> None:
        """Raises `RecipeError` where the component cannot work."""

    @property
    def file(self) -> Path | str:
        """The ``defs.yaml`` that says all this."""
        return self._file


class _Declaration(YamlDecl):
    """One component of a file, before it is made."""

    @property
    def component_type(self) -> type[Declared]:
        assert self.component_file_model is not None
        return _types()[self.component_file_model.type]

    def _load_component(self) -> Declared:
        assert self.component_file_model is not None
        assert isinstance(self.loc, ComponentPath)
        folder = self.loc.file_path
        attributes = self.component_file_model.attributes
        return self.component_type.declared(attributes, _declaring(folder) or folder)


class RecipeTree(ComponentTree):
    """The components below a folder of recipes."""

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The tree of ``folder``. Folders of recipes hold data, so they are no packages: Dagster is
        handed a module that exists only to say where they are."""
        module = ModuleType(f"recipes_{abs(hash(folder))}")
        module.__path__ = [str(folder)]
        module.__file__ = None
        return cls(defs_module=module, project_root=Path(__file__).resolve().parent.parent)

    def _get_filesystem_decl(self) -> DefsFolderDecl:
        location = ComponentPath.from_path(self.defs_module_path)
        kept = self.state_tracker.get_cache_data(location).component_decl
        if kept is None:
            context = self.decl_load_context.for_component_loc(location)
            kept = _folder(context, self.defs_module_path, frozenset())
            self.state_tracker.set_cache_data(location, component_decl=kept)
        assert isinstance(kept, DefsFolderDecl)
        return kept


def _types() -> Mapping[str, type[Declared]]:
    from assets.curated.component import Dataset
    from assets.recipe import Recipe
    from assets.source import Source

    return {f"assets.{kind.__name__}": kind for kind in (Recipe, Source, Dataset)}


def _folder(
    context: ComponentDeclLoadContext, folder: Path, above: frozenset[Path]
) -> DefsFolderDecl:
    """All that lies in ``folder``; a link to one of those ``above`` is not followed."""
    children: dict[Path, Any] = {}
    for inside in sorted(each for each in folder.iterdir() if each.is_dir()):
        if inside.name.startswith(".") or inside.resolve() in above:
            continue
        below = context.for_component_loc(ComponentPath.from_path(inside))
        file = _declaring(inside)
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


def _declaring(folder: Path) -> Path | None:
    return next((folder / name for name in _FILES if (folder / name).is_file()), None)


def _components(context: ComponentDeclLoadContext, folder: Path, file: Path) -> YamlFileDecl:
    try:
        found = documents(file)
    except YamlError as error:
        field = (error.field or "").removeprefix("attributes.")
        raise RecipeError(str(error), file=file, field=field or None) from None
    if not found:
        raise RecipeError(f"is empty: it says no type, one of {_listed()}", file=file)
    declarations = []
    for number, document in enumerate(found):
        place = ComponentPath.from_path(folder, number)
        declarations.append(
            _Declaration(
                context=context.for_component_loc(place),
                loc=place,
                source_tree=None,
                component_file_model=_model(document, file),
            )
        )
    return YamlFileDecl(
        context=context,
        loc=ComponentPath.from_path(folder),
        decls=declarations,
        source_positions=[_position(document, file) for document in found],
    )


def _model(document: Document, file: Path) -> ComponentFileModel:
    said = document.value
    if not isinstance(said, Mapping):
        raise RecipeError(
            f"line {document.line}: must be a mapping of type and attributes", file=file
        )
    for part in said:
        if part not in _PARTS:
            hint = near(str(part), _PARTS)
            raise RecipeError(f"there is no such field here; {hint}", file=file, field=str(part))
    kind = said.get("type")
    if not isinstance(kind, str) or kind not in _types():
        problem = f"must be one of {_listed()}"
        raise RecipeError(problem, file=file, field="type")
    attributes = said.get("attributes")
    if not isinstance(attributes, Mapping):
        raise RecipeError("must be a mapping: {name: ..., ...}", file=file, field="attributes")
    # What is wrong with the attributes is told when the component is made.
    return ComponentFileModel.model_construct(type=kind, attributes=attributes)


def _listed() -> str:
    return ", ".join(_types())


def _position(document: Document, file: Path) -> SourcePosition:
    begins = LineCol(line=document.line, col=1)
    return SourcePosition(filename=str(file), start=begins, end=begins)
