"""Where the checkout lies, and the roles that its recipes name."""

from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[1]
ROLES: tuple[str, ...] = tuple(yaml.safe_load((PROJECT / "factory.yaml").read_text())["roles"])
