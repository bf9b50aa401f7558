"""Loads the recipes in the process from which the stages of a run are forked.

`assets.execution.executor` names this module. A stage that loaded the recipes itself would need
seconds for those of the whole project.
"""

from contextlib import suppress

from dagster._core.definitions.reconstruct import ReconstructableRepository

from assets.config.locations import is_local
from assets.config.settings import load_settings

# If it fails, each stage loads the recipes itself and reports the error.
with suppress(Exception):
    # Other stores are read by threads while recipes load, and threads do not survive a fork.
    if is_local(load_settings().root_path):
        ReconstructableRepository.for_module("assets.definitions", "defs").get_definition()
