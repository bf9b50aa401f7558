"""The GPU's kernels where there is no GPU: what they compute, and that they compile for one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("triton", reason="Triton is for Linux only")


def test_the_interpreter_computes_what_float64_says():
    """In a process of its own, for Triton asks whether to interpret when it is imported."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/kernels/interpreted.py"],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


@pytest.mark.parametrize("tile", [(128, 256, 64, 8, 3), (128, 128, 64, 8, 4)])
def test_they_compile_for_hopper_s_matrix_units_and_copy_engine(tile):
    assert os.environ.get("TRITON_INTERPRET") != "1", "an interpreted kernel cannot be compiled"
    said = compiled("bf16", tile)
    assert "wgmma.mma_async" in said
    assert "cp.async.bulk.tensor" in said


def compiled(dtype: str, tile: tuple[int, int, int, int, int]) -> str:
    """The assembly (PTX) for compute capability 9.0."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from kernels.gpu.logprobs import shares_kernel

    tokens, words, width, warps, stages = tile
    fixed = dict.fromkeys(("BIASED", "CAPPED", "UPCAST"), False) | {
        "PRECISION": "ieee",
        "GROUP": 16,
        "BLOCK_TOKENS": tokens,
        "BLOCK_WORDS": words,
        "BLOCK_WIDTH": width,
    }
    types = {
        "ids": "*i64",
        "out": "*fp32",
        "hidden": f"tensordesc<{dtype}[{tokens}, {width}]>",
        "weight": f"tensordesc<{dtype}[{words}, {width}]>",
        "bias": f"*{dtype}",
        **dict.fromkeys(("scale", "softcap", "temperature"), "fp32"),
    }
    names = shares_kernel.arg_names
    source = ASTSource(
        fn=shares_kernel,
        signature={n: "constexpr" if n in fixed else types.get(n, "i32") for n in names},
        constexprs={(names.index(name),): value for name, value in fixed.items()},
    )
    options = {"num_warps": warps, "num_stages": stages}
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    return str(made.asm["ptx"])
