"""The base class of the declarations in a ``defs.yaml``: recipes, sources and datasets.

A declaration is data. Reading it fills in no variables, and imports or runs no code.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from assets.config.errors import NAME_RULE, RecipeError, is_name, parameter_error
from assets.config.yaml_file import LONGEST_NAME, unsound
from schemas.parameters import refuse_truth

LARGEST = 1e9
"""The largest number that a declaration may hold. Seeds may be larger."""


def _identifier(name: str) -> str:
    if not is_name(name):
        raise ValueError(NAME_RULE)
    return name


Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_identifier)]
"""The name of a declaration. It is also used in the names of files."""


class Declaration(BaseModel):
    """The base of `RecipeSpec`, `SourceSpec` and `DatasetSpec`."""

    model_config = ConfigDict(extra="forbid")

    type_name: ClassVar[str]
    """The ``type:`` in the file."""
    kind: ClassVar[str]
    """What it is, in a word: ``recipe``."""
    reserved: ClassVar[frozenset[str]] = frozenset()
    """Names that no declaration of this type may have."""

    name: Name

    _file: Path | str = PrivateAttr(default="(no file)")
    _line: int = PrivateAttr(default=1)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_boolean_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        return refuse_truth(value, cls.model_fields[str(info.field_name)].annotation)

    @classmethod
    def declared(cls, attributes: Any, file: Path | str, *, line: int = 1) -> Self:
        """Make a declaration from the attributes in a file.

        Args:
            attributes: The attributes. Without a ``name``, it has that of the file's folder.
            file: The file.
            line: The line of the file where its document begins.

        Raises:
            RecipeError: An attribute is wrong. The message names the file and the field.
        """
        if not isinstance(attributes, Mapping):
            raise RecipeError("must be a mapping: {name: ..., ...}", file=file, field="attributes")
        wrong = unsound(dict(attributes), largest=LARGEST)
        if wrong is not None:
            raise RecipeError(wrong[1], file=file, field=wrong[0] or "attributes")
        try:
            declaration = cls.model_validate({"name": Path(file).parent.name, **attributes})
        except ValidationError as error:
            raise parameter_error(error, cls, attributes, of=cls.type_name, file=file) from None
        if declaration.name in cls.reserved:
            raise RecipeError(f"the name {declaration.name!r} is taken", file=file, field="name")
        declaration._file = file
        declaration._line = line
        declaration.ensure_valid()
        return declaration

    def ensure_valid(self) -> None:
        """Raise `RecipeError` if the declaration cannot work."""

    @property
    def file(self) -> Path | str:
        """The ``defs.yaml`` that declares it."""
        return self._file

    @property
    def line(self) -> int:
        """The line of the file where its document begins."""
        return self._line
