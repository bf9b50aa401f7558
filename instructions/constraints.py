"""What an instruction can demand of an answer. Each constraint decides by itself from the text."""

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from .text import whole_sentences, words

if TYPE_CHECKING:
    from lingua import LanguageDetector

LanguageName = Literal["French", "German", "Italian", "Spanish"]


class _Base(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sentences(_Base):
    """Exactly ``count`` sentences."""

    kind: Literal["sentences"] = "sentences"
    count: int = Field(ge=1)

    def met(self, text: str) -> bool:
        """Whether the text fulfils the constraint, as in the other classes."""
        return whole_sentences(text) == self.count


class AtMost(_Base):
    """At most ``words`` words (`text.words`)."""

    kind: Literal["at_most"] = "at_most"
    words: int = Field(ge=1)

    def met(self, text: str) -> bool:
        return len(words(text)) <= self.words


class Contains(_Base):
    """``word`` occurs as a whole word, in any case. Other forms of it do not count."""

    kind: Literal["contains"] = "contains"
    word: str

    def met(self, text: str) -> bool:
        return self.word.casefold() in words(text)


class Without(_Base):
    """``word`` does not occur as a whole word, in any case."""

    kind: Literal["without"] = "without"
    word: str

    def met(self, text: str) -> bool:
        return self.word.casefold() not in words(text)


class Starts(_Base):
    """The first words are those of ``words``. Case and punctuation do not matter."""

    kind: Literal["starts"] = "starts"
    words: str

    def met(self, text: str) -> bool:
        wanted = words(self.words)
        return words(text)[: len(wanted)] == wanted


class Ends(_Base):
    """The last words are those of ``words``. Case and punctuation do not matter."""

    kind: Literal["ends"] = "ends"
    words: str

    def met(self, text: str) -> bool:
        wanted = words(self.words)
        return words(text)[-len(wanted) :] == wanted


class Capitals(_Base):
    """Every letter is a capital."""

    kind: Literal["capitals"] = "capitals"

    def met(self, text: str) -> bool:
        return text.isupper()


class Dashes(_Base):
    """Exactly ``lines`` lines, each a dash, a space and text. Empty lines do not count."""

    kind: Literal["dashes"] = "dashes"
    lines: int = Field(ge=1)

    def met(self, text: str) -> bool:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return len(lines) == self.lines and all(
            re.match(r"[-–—]\s", line) and words(line) for line in lines
        )


class JSON(_Base):
    """A JSON object with exactly the ``keys``, none of them empty, and nothing around it but a
    code fence."""

    kind: Literal["json"] = "json"
    keys: tuple[str, ...] = Field(min_length=1)

    def met(self, text: str) -> bool:
        fenced = re.fullmatch(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", text, re.DOTALL)
        try:
            read = json.loads(fenced[1] if fenced else text)
        except (ValueError, RecursionError):
            return False
        return (
            isinstance(read, dict)
            and set(read) == set(self.keys)
            and all(value not in ("", None, [], {}) for value in read.values())
        )


class Language(_Base):
    """Written in ``language``, as far as lingua can tell it from English and the others here."""

    kind: Literal["language"] = "language"
    language: LanguageName

    def met(self, text: str) -> bool:
        found = _detector().compute_language_confidence_values(text)[0]
        return found.language.name.title() == self.language and found.value > 0.5


class Letters(_Base):
    """``letter`` occurs at least ``least`` times, in any case."""

    kind: Literal["letters"] = "letters"
    letter: str = Field(min_length=1, max_length=1)
    least: int = Field(ge=1)

    def met(self, text: str) -> bool:
        return text.casefold().count(self.letter.casefold()) >= self.least


Constraint = Annotated[
    Sentences
    | AtMost
    | Contains
    | Without
    | Starts
    | Ends
    | Capitals
    | Dashes
    | JSON
    | Language
    | Letters,
    Field(discriminator="kind"),
]


@cache
def _detector() -> "LanguageDetector":
    # Imported here: only instructions about languages need it.
    from lingua import Language as Known
    from lingua import LanguageDetectorBuilder

    names: tuple[Any, ...] = ("English", *get_args(LanguageName))
    known = [getattr(Known, name.upper()) for name in names]
    return LanguageDetectorBuilder.from_languages(*known).build()
