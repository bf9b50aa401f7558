"""Operators' prompts as Jinja files. A model or a recipe can replace a template by its name.

A name is searched in the folder of the role's binding (``templates:``), then in the folder of the
recipe's ``defs.yaml``, then in ``templates/`` next to the operator, then among those that several
packages share (``engines/templates``). The first match is used. A template with blocks ``system``
or ``user`` gives those turns; any other gives one user turn. A block ``assistant`` beside them
begins the answer of a model that chooses among options (``Grade:``): the options then follow where
the model writes them.
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
from schemas.near import near

TURNS = ("system", "user")
ANSWER = "assistant"


def rendered(
    name: str,
    folders: Sequence[Path],
    variables: Mapping[str, Any],
    *,
    needed: Collection[str] = (),
    begun: bool = False,
) -> tuple[Message, ...]:
    """Fill in the template ``name``.

    Values are inserted as they are: a prompt or response is never read as a template.

    Args:
        name: the template's file name, without ``.jinja``.
        folders: where it is searched; the first match is used.
        variables: the values.
        needed: the variables that the template must use.
        begun: whether the last turn is the beginning of the answer, if the template has one.

    Returns:
        The turns of the prompt.

    Raises:
        EngineError: no folder has the template, it is not valid Jinja, it uses an unknown variable,
            it does not use one of ``needed``, or it has a block ``assistant`` only.
    """
    try:
        places = tuple(map(str, folders))
        template = _template(name, places)
        unused = sorted(set(needed) - _variables(name, places)) if needed else []
        if unused:
            raise EngineError(
                f"template {name!r} does not use {', '.join(map(repr, unused))}, so the recipe's "
                f"value would have no effect: add it to {template.filename}, or remove it from "
                "the recipe"
            )
        if any(turn in template.blocks for turn in TURNS):
            context = template.new_context(dict(variables))
            texts = [
                (turn, "".join(template.blocks[turn](context)))
                for turn in (*TURNS, *([ANSWER] if begun else []))
                if turn in template.blocks
            ]
        elif ANSWER in template.blocks:
            raise EngineError(
                f"template {name!r} has a block 'assistant', so its question must be in a block "
                f"'user': {template.filename}"
            )
        else:
            texts = [("user", template.render(variables))]
    except TemplateNotFound as error:
        raise _no_template(str(error.name), folders) from error
    except UndefinedError as error:
        names = ", ".join(sorted(variables))
        raise EngineError(
            f"template {name!r}: {error.message}; it may use these variables: {names}"
        ) from error
    except TemplateError as error:
        raise EngineError(f"template {name!r} cannot be read: {error}") from error
    stripped = [(turn, text.strip()) for turn, text in texts]
    return tuple({"role": turn, "content": text} for turn, text in stripped if text)


def check_template(name: str, folders: Sequence[Path]) -> None:
    """Check that there is a template ``name``, and that it is valid Jinja.

    Raises:
        EngineError: there is none, or it is not.
    """
    try:
        _template(name, tuple(map(str, folders)))
    except TemplateNotFound as error:
        raise _no_template(str(error.name), folders) from error
    except TemplateError as error:
        raise EngineError(f"template {name!r} cannot be read: {error}") from error


def _no_template(name: str, folders: Sequence[Path]) -> EngineError:
    names = {file.stem for folder in folders for file in folder.glob("*.jinja")}
    looked = ", ".join(map(str, folders))
    hint = near(name.removesuffix(".jinja"), names)
    return EngineError(f"there is no template {name!r} in {looked}; {hint}")


def conversation(messages: Sequence[Message]) -> str:
    """The value of the variable ``prompt``: the text of a single turn, or several turns with their
    roles, after the tools if there are any. Thoughts of earlier turns are left out."""
    tools = [f"Tools: {turn['tools']}" for turn in messages if turn.get("tools")]
    if len(messages) == 1 and not tools:
        return message_text(messages[0])
    turns = (f"{turn['role'].capitalize()}: {message_text(turn)}" for turn in messages)
    return "\n\n".join([*tools, *turns])


def message_text(message: Message) -> str:
    """The content of a message, and a line for each tool that it calls."""
    calls = [f"{call['name']}({call['arguments']})" for call in message.get("tool_calls") or ()]
    return "\n".join([message["content"], *calls] if message["content"] else calls)


@lru_cache(maxsize=256)
def _template(name: str, folders: tuple[str, ...]) -> Template:
    return _environment(folders).get_template(f"{name}.jinja")


@lru_cache(maxsize=256)
def _variables(name: str, folders: tuple[str, ...]) -> frozenset[str]:
    """The variables of a template and of the templates that it includes."""
    environment = _environment(folders)
    variables, visited, waiting = set[str](), set[str](), [f"{name}.jinja"]
    while waiting:
        file = waiting.pop()
        visited.add(file)
        text, _, _ = FileSystemLoader(folders).get_source(environment, file)
        parsed = environment.parse(text)
        variables |= find_undeclared_variables(parsed)
        # None stands for a template whose name is computed at run time.
        waiting += {other for other in find_referenced_templates(parsed) if other} - visited
    return frozenset(variables)


@lru_cache(maxsize=256)
def _environment(folders: tuple[str, ...]) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # for a model, not for a browser
    )
