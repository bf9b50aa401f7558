"""``python -m assets.cli``."""

from assets.cli import app

app()
