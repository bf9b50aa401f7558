"""Imports what commands that run recipes and train models need (`tests.forked_commands`)."""

from importlib import import_module

from engines.weights import lighten_transformers

lighten_transformers()
for name in (
    "assets.cli",
    "assets.definitions",
    "assets.refresh",
    "engines.local.engine",
    "trainers.dpo.loop",
    "trainers.training.fit",
):
    import_module(name)
