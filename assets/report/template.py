"""How the pages of reports are made: Jinja, and a policy that lets them load nothing."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

FOLDER = Path(__file__).parent


def environment(folder: Path = FOLDER) -> Environment:
    """Jinja with the templates of ``folder`` and of this folder. It escapes all text."""
    return Environment(
        loader=FileSystemLoader([folder, FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def rendered(
    template: str,
    *,
    folder: Path = FOLDER,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    **values: Any,
) -> str:
    """A page from a template that extends ``page.html.jinja``.

    Args:
        template: The template, in ``folder`` or in this folder.
        folder: A folder of the package.
        styles: Its stylesheets that are used beside ``report.css``.
        scripts: Its scripts.
        values: What the template shows.
    """
    style = "\n".join([joined(["report.css"]), joined(styles, folder)])
    script = joined(scripts, folder)
    # The package's own files: they contain no data.
    allowed = {"style": Markup(style), "script": Markup(script), "policy": policy(style, script)}
    return environment(folder).get_template(template).render(**values, **allowed)


def joined(files: Sequence[str], folder: Path = FOLDER) -> str:
    """The content of files of a folder."""
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in files)


def policy(style: str, script: str) -> str:
    """A policy that allows only this style, this script, and images inside the page."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
