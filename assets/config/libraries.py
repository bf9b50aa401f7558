"""Settings of libraries, by environment variables that they read when they are imported."""

import os

_QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


def quiet_libraries() -> None:
    """Turn off the progress bars of libraries, which write carriage returns into logs. A variable
    that is set stays."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
