"""What an operator puts to a model, as Jinja files: found by name, so that a model or a recipe can
put it in words of its own.

A name is looked up in the folder that the role's binding names (``templates:``), then beside the
recipe's ``defs.yaml``, then in ``templates/`` beside the operator; the first there is wins. A
template with blocks ``system`` or ``user`` gives those turns, any other is one turn of the user.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateNotFound, UndefinedError
from jinja2.loaders import FileSystemLoader
from jinja2.meta import find_referenced_templates, find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engines.protocol import EngineError
from schemas import Message

TURNS = ("system", "user")


def rendered(
    name: str,
    folders: Sequence[Path],
    variables: Mapping[str, Any],
    *,
    needed: Collection[str] = (),
) -> tuple[Message, ...]:
    """The turns that template ``name`` makes of ``variables``, found in the first folder that has
    it. Texts are put in as they are: what a prompt or response holds is never read as a template.

    Raises `EngineError` if no folder has it, it is no Jinja, it wants a variable that it is not
    given, or never says one of ``needed``.
    """
    try:
        places = tuple(map(str, folders))
        template = _template(name, places)
        unsaid = sorted(set(needed) - _said(name, places)) if needed else []
        if unsaid:
            raise EngineError(
                f"template {name!r} never says {', '.join(map(repr, unsaid))}, so what the recipe "
                f"gives there would change nothing: write it into {template.filename}, or leave "
                "it out of the recipe"
            )
        if any(turn in template.blocks for turn in TURNS):
            context = template.new_context(dict(variables))
            texts = [
                (turn, "".join(template.blocks[turn](context)))
                for turn in TURNS
                if turn in template.blocks
            ]
        else:
            texts = [("user", template.render(variables))]
    except TemplateNotFound as error:
        looked = ", ".join(map(str, folders))
        raise EngineError(f"there is no template {error.name!r} in {looked}") from error
    except UndefinedError as error:
        known = ", ".join(sorted(variables))
        raise EngineError(f"template {name!r}: {error.message}; it is given {known}") from error
    except TemplateError as error:
        raise EngineError(f"template {name!r} cannot be read: {error}") from error
    said = [(turn, text.strip()) for turn, text in texts]
    return tuple({"role": turn, "content": text} for turn, text in said if text)


def conversation(messages: Sequence[Message]) -> str:
    """A prompt as the variable ``prompt``: a single turn is its text, more are told apart."""
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"{turn['role'].capitalize()}: {turn['content']}" for turn in messages)


@lru_cache(maxsize=256)
def _template(name: str, folders: tuple[str, ...]) -> Template:
    return _environment(folders).get_template(f"{name}.jinja")


@lru_cache(maxsize=256)
def _said(name: str, folders: tuple[str, ...]) -> frozenset[str]:
    """The variables that a template reads, in those that it takes in as well."""
    environment = _environment(folders)
    found, seen, waiting = set[str](), set[str](), [f"{name}.jinja"]
    while waiting:
        file = waiting.pop()
        seen.add(file)
        text, _, _ = FileSystemLoader(folders).get_source(environment, file)
        parsed = environment.parse(text)
        found |= find_undeclared_variables(parsed)
        # None is one that is chosen while the template is filled in.
        waiting += {other for other in find_referenced_templates(parsed) if other} - seen
    return frozenset(found)


@lru_cache(maxsize=256)
def _environment(folders: tuple[str, ...]) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # a model reads the text, no browser
    )
