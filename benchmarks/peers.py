"""The environment of the peers that run beside ours: made once, never mixed with ours.

Their scripts run with ``-P``: of a script's own folder, ``kernels.py`` here would be taken for the
package of that name, which Transformers looks for.
"""

import subprocess
import sys
from pathlib import Path

from benchmarks.results import ROOT

# datatrove and distilabel import the last five without asking for them.
PACKAGES = (
    "distilabel==1.5.3",
    "datatrove==0.10.1",
    "aiofiles",
    "aiosqlite",
    "requests",
    "openai",
    "pillow",
)


def python() -> Path:
    """The interpreter of ``.venv-bench``, which is made where it is missing or out of date."""
    folder = ROOT / ".venv-bench"
    found, made_of = folder / "bin" / "python", folder / "packages"
    wanted = "\n".join(PACKAGES)
    if not made_of.exists() or made_of.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([found, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        made_of.write_text(wanted)
    return found
