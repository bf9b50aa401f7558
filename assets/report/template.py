"""How the pages of reports are made: Jinja, and a policy that lets them load nothing."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

FOLDER = Path(__file__).parent


def environment() -> Environment:
    """Jinja with the templates of this folder. It escapes all text."""
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def rendered(template: str, **values: Any) -> str:
    """A page without a script, from a template that extends ``page.html.jinja``."""
    style = joined(["report.css"])
    # The package's own stylesheet: it contains no data.
    allowed = {"policy": policy(style, ""), "style": Markup(style)}
    return environment().get_template(template).render(**values, **allowed)


def joined(files: Sequence[str]) -> str:
    """The content of files of this folder."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in files)


def policy(style: str, script: str) -> str:
    """A policy that allows only this style, this script, and images inside the page."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
