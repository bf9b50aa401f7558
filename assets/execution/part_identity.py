"""What makes the rows of a stage's parts. A part of an earlier run is kept only if this is equal.

It covers the operator with its parameters and roles, the digests of models and templates, the seed,
the tables that the stage reads, and the source code of the operator's package and of checks.
"""

import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
from upath import UPath

from annotators.criteria.rubric_files import find_rubric
from assets.project.recipe_plan import Stage
from assets.storage.tables import file_digest, query_table, read_table, table_files
from engines.bindings import Binding
from engines.context import Context
from engines.journal.identity import Verb
from engines.operators.row_operator import template_folders
from engines.runtime.session import Session
from engines.weights import weights_revision
from schemas import Operator, content_id

_CHECKPOINT = frozenset({"path", "trained"})
_VERBS: tuple[Verb, ...] = ("generate", "score", "choose", "reward")


def made_by(stage: Stage, context: Context, tables: Mapping[str, UPath | pl.DataFrame]) -> str:
    """A digest of what makes the rows of ``stage``."""
    operator, uses = stage.operator, stage.operator.roles()
    kinds = {type(operator), *(type(use.operator) for use in uses)}
    classes = {each for kind in kinds for each in kind.__mro__ if issubclass(each, Operator)}
    named = [*(each.__module__ for each in classes), *context.checks.values(), "engines"]
    packages = {name.partition(".")[0] for name in named}
    templates = [*template_folders(type(operator)), *_bound_templates(context)]
    session = Session(context)
    revisions = {
        f"{use.role} {verb}": session.engine_for(use.role, verb).engine.revision
        for use in uses
        for verb in _VERBS
        if verb in use.needs
        and (binding := context.roles.get(use.role)) is not None
        and binding.answering(verb) is not None
    }
    return content_id(
        f"{type(operator).__module__}.{type(operator).__qualname__}",
        operator.model_dump(mode="json"),
        [context.recipe, stage.name, context.refresh, context.seed],
        dict(context.checks),
        revisions,
        code_digest(packages),
        _of_files(file for folder in templates for file in folder.rglob("*.jinja")),
        *_rubrics(operator, context),
        {name: table_version(stored) for name, stored in sorted(tables.items())},
    )


def _rubrics(operator: Operator, context: Context) -> list[str]:
    """A digest of the files with criteria, if there are any."""
    files = [find_rubric(name, context.folder) for _, name in operator.rubrics()]
    return [_of_files(files)] if files else []


def _bound_templates(context: Context) -> list[Path]:
    bound = [Path(each.templates) for each in context.roles.values() if each.templates]
    return [*bound, *([] if context.folder is None else [context.folder])]


def code_digest(packages: Iterable[str]) -> str:
    """A digest of the source code of packages that are imported."""
    return _of_files(file for name in packages for file in _sources(name))


def _sources(package: str) -> list[Path]:
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None or "." in package:
        return []
    path = Path(file)
    return list(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]


def _of_files(files: Iterable[Path]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(set(files)):
        digest.update(f"{file.name} ".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def table_version(stored: UPath | pl.DataFrame) -> Any:
    """The version of a table: digests of its files, or of its rows; of checkpoints, of the
    weights."""
    if not isinstance(stored, pl.DataFrame):
        columns = query_table(stored, lambda rows: rows.head(0)).columns
        stored = read_table(stored) if {*columns} >= _CHECKPOINT else stored
    if isinstance(stored, pl.DataFrame):
        if set(stored.columns) >= _CHECKPOINT:
            return [weights_revision(Binding(model=path)) for path in stored["path"]]
        content = stored.write_ipc(None, compat_level=pl.CompatLevel.oldest()).getvalue()
        return hashlib.blake2b(content, digest_size=16).hexdigest()
    return [file_digest(file) for file in table_files(stored)]
