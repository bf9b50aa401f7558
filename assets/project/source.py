"""The declaration of a source of prompts: ``type: assets.Source`` in a ``defs.yaml``.

    type: assets.Source
    attributes:
      name: gsm8k
      read: {use: generators.Files, path: shared/data/gsm8k/train.jsonl, ...}
      check: engines.checks.gsm8k        # checks whether an answer is right; null: no check
      rows: 1000                         # largest number of new rows of a refresh; null: all
      fixed: false                       # true: one table for all refreshes, for validation

It becomes the asset ``prompts/<name>``. A prompt is dropped if the check cannot read its reference,
for example if the reference is prose and not an answer.
"""

from typing import Any, ClassVar

from pydantic import Field

from assets.config.errors import RecipeError
from assets.config.settings import load_settings
from assets.project.declaration import Declaration
from assets.project.import_path import built
from engines.checks import UnknownCheckError, load_check
from schemas import Check, KnowsReferences, PromptSource, Stamped
from schemas.named import source_class


class SourceSpec(Declaration):
    """A source of prompts for recipes. Each prompt is read once over all refreshes."""

    type_name: ClassVar[str] = "assets.Source"
    kind: ClassVar[str] = "source"

    read: dict[str, Any]
    check: str | None = None
    rows: int | None = Field(default=None, ge=1, strict=True)
    fixed: bool = Field(default=False, strict=True)

    def ensure_valid(self) -> None:
        """Raise `RecipeError` if the reader or the check cannot be built."""
        self.reader()
        if self.check is not None:
            self.checker()

    @property
    def key(self) -> tuple[str, str]:
        """The asset's key."""
        return ("prompts", self.name)

    @property
    def has_references(self) -> bool:
        """Whether its prompts can have references: they can unless the reader knows better."""
        reader = self.reader()
        return reader.has_references if isinstance(reader, KnowsReferences) else True

    @property
    def reports_news(self) -> bool:
        """Whether it can tell that it has new prompts without being read."""
        return isinstance(self.reader(), Stamped)

    def reader(self) -> PromptSource:
        """Build the reader of the prompts.

        Raises:
            RecipeError: There is no such reader, or a parameter is wrong.
        """
        reader: PromptSource = built(
            self.read,
            source_class,
            file=self.file,
            field="read",
            folder=load_settings().folder,
        )
        return reader

    def checker(self) -> Check:
        """Load the check of answers.

        Raises:
            RecipeError: There is no such check.
        """
        try:
            return load_check(str(self.check))
        except UnknownCheckError as error:
            raise RecipeError(str(error), file=self.file, field="check") from error
