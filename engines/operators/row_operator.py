"""The base class of generators and annotators: a coroutine for one prompt, run over a table."""

import dataclasses
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import polars as pl

from engines.context import Context
from engines.model import Model
from engines.operators.prompt_templates import conversation, rendered
from engines.protocol import Sampling
from engines.rows import Prompt
from schemas import Message, Operator, Split, StageReport, canonical, messages_of


class RowSession:
    """A row operator during one stage.

    Attributes:
        context: the stage's context, with the operator's bindings of roles.
        counts: the operator's counts, by name.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.counts: Counter[str] = Counter()

    def of_part(self) -> Self:
        """The same session with counts of its own, for a part of the stage. The counts of all parts
        are added."""
        part = copy(self)
        part.counts = Counter()
        return part


class RowOperator(Operator):
    """An operator that calls models, one row at a time.

    The rows of one prompt depend on that prompt alone, so a large stage is worked in parts: one
    `session`, `rows_of` for the prompts of each part, then `report` and `conclusions`. An operator
    that overrides `run` is given all rows at once.
    """

    @property
    def by_prompt(self) -> bool:
        """Whether it can be worked in parts."""
        return type(self).run is RowOperator.run

    @contextmanager
    def session(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Iterator[RowSession]:
        """The session of the operator in one stage. It binds roles, and refuses what cannot run."""
        yield RowSession(context)

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: Any) -> Split:
        """The rows that are made from ``tables``, which have all rows or those of some prompts."""
        raise TypeError(f"{type(self).__name__} does not implement rows_of()")

    def report(self, session: Any) -> StageReport:
        """What the stage reports of a session that has ended."""
        return StageReport()

    def conclusions(
        self, tables: Mapping[str, pl.DataFrame], kept: pl.DataFrame, context: Context
    ) -> StageReport:
        """What the stage reports of its finished rows, such as the results of probes.

        ``tables`` and ``kept`` have the rows of all prompts, or in a stage that is worked in parts
        a sample of them (`assets.execution.by_parts`).
        """
        return StageReport()

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """The rows that are made from ``tables``, with the report."""
        with self.session(tables, context) as session:
            split = self.rows_of(tables, session)
        split = split.with_report(self.report(session))
        return split.with_report(self.conclusions(tables, split.kept, context))

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
            prompt: its conversation is the variable ``prompt``, and its reference, if it has one,
                the variable ``reference``.
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
            {
                "prompt": conversation(prompt.messages),
                **({} if prompt.reference is None else {"reference": prompt.reference}),
                **variables,
            },
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
