"""The base class of generators and annotators: a coroutine for one prompt, run over a table."""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from engines.model import Model
from engines.operators.prompt_templates import conversation, rendered
from engines.protocol import Sampling
from engines.rows import Prompt
from schemas import Message, Operator, canonical, messages_of


class RowOperator(Operator):
    """An operator that calls models, one row at a time."""

    @property
    def path(self) -> str:
        """The shortest import path that names this operator, as a recipe's ``use:`` would."""
        return _path(type(self))

    def ask(
        self, model: Model, template: str, *, prompt: Prompt, begun: bool = False, **variables: Any
    ) -> tuple[Message, ...]:
        """The messages for ``model``: a template, filled in (`engines.operators.prompt_templates`).

        Args:
            model: the model that will get the messages.
            template: the template's name.
            prompt: its conversation is the variable ``prompt``.
            begun: for `Model.choose`: whether the answer begins as the template says. A model on a
                server that cannot continue an answer gets the question alone.
            variables: further variables.

        Raises:
            EngineError: there is no such template, it uses an unknown variable, or it does not use
                a field of this operator that the recipe has set (such as ``criteria``).
        """
        context = model.context
        binding = context.roles.get(model.role)
        bound = [Path(binding.templates)] if binding is not None and binding.templates else []
        recipe = [context.folder] if context.folder is not None else []
        folders = [*bound, *recipe, *template_folders(type(self))]
        return rendered(
            template,
            folders,
            {"prompt": conversation(prompt.messages), **variables},
            needed=[name for name in type(self).model_fields if variables.get(name)],
            begun=begun and model.continues,
        )


@lru_cache
def template_folders(operator: type) -> tuple[Path, ...]:
    """``templates/`` next to the operator's module or in a package above it, then those of its
    base classes."""
    folders = []
    for each in operator.__mro__:
        file = getattr(sys.modules[each.__module__], "__file__", None)
        if file is not None:
            depth = each.__module__.count(".")
            folders += [folder / "templates" for folder in list(Path(file).parents)[: depth or 1]]
    return tuple(dict.fromkeys(folder for folder in folders if folder.is_dir()))


@lru_cache
def _path(operator: type) -> str:
    name = operator.__qualname__
    parts = operator.__module__.split(".")
    for length in range(1, len(parts)):
        package = ".".join(parts[:length])
        if getattr(sys.modules.get(package), name, None) is operator:
            return f"{package}.{name}"
    return f"{operator.__module__}.{name}"


@lru_cache
def sampling_parameters(sampling: Sampling) -> str:
    """``origin.parameters`` of a text generated with ``sampling``: a JSON object."""
    drawn = dataclasses.asdict(sampling)
    return canonical({name: value for name, value in drawn.items() if value is not None})


def sound_text(text: str) -> str:
    """``text`` if it is valid Unicode. Tables cannot store half of a surrogate pair.

    Raises:
        ValueError: the text has half of a surrogate pair.
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"the text holds half a character ({error.reason})") from None
    return text


def each_prompt(prompts: pl.DataFrame) -> Iterator[Prompt]:
    """The rows of a `schemas.Prompts` frame."""
    fields = prompts.select("prompt_id", "messages", "reference", "source")
    for prompt_id, messages, reference, source in fields.iter_rows():
        yield Prompt(prompt_id, messages_of(messages), reference, source)


def unanswered(requested: Sequence[str] | pl.Series, *answered: pl.Series) -> list[Any]:
    """The ids of ``requested`` that are in none of ``answered``, in order."""
    ids = pl.Series("id", requested, dtype=pl.String)
    return ids.filter(~ids.is_in(pl.concat([a.rename("id") for a in answered]).implode())).to_list()
