"""What declares a source of prompts: ``type: assets.Source`` in a ``defs.yaml``.

    type: assets.Source
    attributes:
      name: gsm8k
      read: {use: generators.Files, path: shared/data/gsm8k/train.jsonl, ...}
      check: engines.checks.gsm8k        # who knows whether an answer is right; null: nobody
      rows: 1000                         # most new rows a refresh; null: all there are
      fixed: false                       # true: one table for all refreshes, to validate on

It makes the asset ``prompts/<name>``. A prompt whose reference the check cannot read (prose, where
an answer is wanted) is refused by its row when the source is read.
"""

from typing import Any, ClassVar

from pydantic import Field

from assets.config.errors import RecipeError
from assets.config.settings import load_settings
from assets.project.declaration import Declaration
from assets.project.import_path import built
from engines.checks import UnknownCheckError, load_check
from schemas import Check, PromptSource
from schemas.named import source_class


class SourceSpec(Declaration):
    """Prompts for recipes, a refresh at a time, each prompt once."""

    type_name: ClassVar[str] = "assets.Source"

    read: dict[str, Any]
    check: str | None = None
    rows: int | None = Field(default=None, ge=1, strict=True)
    fixed: bool = Field(default=False, strict=True)

    def ensure_valid(self) -> None:
        """Raises `RecipeError` where nothing can be read or checked."""
        self.reader()
        if self.check is not None:
            self.checker()

    @property
    def key(self) -> tuple[str, str]:
        """The asset's key."""
        return ("prompts", self.name)

    def reader(self) -> PromptSource:
        """What reads the prompts. Raises `RecipeError`."""
        reader: PromptSource = built(
            self.read,
            source_class,
            file=self.file,
            field="read",
            folder=load_settings().folder,
        )
        return reader

    def checker(self) -> Check:
        """What tells right answers from wrong ones. Raises `RecipeError`."""
        try:
            return load_check(str(self.check))
        except UnknownCheckError as error:
            raise RecipeError(str(error), file=self.file, field="check") from error
